#include "measures.hpp"
#include "world.hpp"

#include <pqxx/pqxx>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <future>
#include <iostream>
#include <thread>
#include <unistd.h>
#include <unordered_map>

namespace cadre::bench {
namespace {

std::int64_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

/// Sizes with indexes and partitions, and what is dead in them, as the members of a JSON object.
std::string table_sizes(const std::string& url) {
  pqxx::connection server{url};
  pqxx::nontransaction direct{server};
  std::string line;
  for (const std::string table : {"task", "run", "journal", "event_batch"}) {
    const auto rows = direct.exec(
        "SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0)::bigint, coalesce(sum(s.n_dead_tup), 0)::bigint FROM "
        "pg_partition_tree('cadre." +
        table + "') t LEFT JOIN pg_stat_user_tables s ON s.relid = t.relid");
    auto bytes = rows[0][0].as<std::int64_t>();
    auto dead = rows[0][1].as<std::int64_t>();
    if (bytes == 0) {
      const auto plain = direct.exec("SELECT pg_total_relation_size('cadre." + table +
                                     "'), coalesce((SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'cadre." +
                                     table + "'::regclass), 0)");
      bytes = plain[0][0].as<std::int64_t>();
      dead = plain[0][1].as<std::int64_t>();
    }
    line += ", \"" + table + "_bytes\": " + std::to_string(bytes) + ", \"" + table + "_dead\": " + std::to_string(dead);
  }
  const auto gone = direct.exec("SELECT coalesce(sum(rows), 0) FROM cadre.pruned WHERE \"table\" = 'task'");
  return line + ", \"tasks_pruned\": " + std::to_string(gone[0][0].as<std::int64_t>());
}

}  // namespace

void soak(std::chrono::seconds time, std::size_t per_s, std::chrono::seconds kept, std::chrono::seconds sample) {
  constexpr std::size_t batch_max = 1'000;
  constexpr std::size_t journal_every = 10;
  world w{kept};
  w.open(2 * batch_max);
  std::unordered_map<std::string, clock::time_point> arrived;
  std::vector<double> latencies;
  std::future<std::string> sizes;
  std::string figures;
  const auto begin = clock::now();
  auto next_prune = begin, next_sample = begin + sample;
  std::size_t added = 0, finished_before = 0;
  const auto arrival = [&](std::size_t n) {
    return begin + std::chrono::duration_cast<clock::duration>(
                       std::chrono::duration<double>(static_cast<double>(n) / static_cast<double>(per_s)));
  };
  while (clock::now() < begin + time) {
    std::vector<command> commands;
    while (commands.size() < batch_max && arrival(added) <= clock::now()) {
      commands.push_back(world::add(added));
      arrived.emplace(std::get<task_add>(commands.back().body).id.text, arrival(added));
      ++added;
    }
    for (const auto& run : w.granted_runs()) {
      if (++finished_before % journal_every != 0) continue;
      journal_add line;
      line.run = run.run;
      line.line = 1;
      line.agent = run.agent;
      line.level = "info";
      line.text = "done";
      commands.push_back(world::make(line, run.agent.text, run.incarnation));
    }
    if (!commands.empty() || w.granted() > 0) {
      w.commit(std::move(commands));
      const auto done = clock::now();
      for (const auto& run : w.finished()) {
        const auto at = arrived.find(run.task.text);
        if (at == arrived.end()) continue;
        latencies.push_back(std::chrono::duration<double>(done - at->second).count());
        arrived.erase(at);
      }
    } else if (clock::now() < next_prune) {
      std::this_thread::sleep_until(std::min({arrival(added), next_prune, next_sample}));
    }
    if (clock::now() >= next_prune) next_prune = w.prune();
    if (clock::now() >= next_sample && !latencies.empty() && !sizes.valid()) {
      char text[256];
      std::snprintf(text, sizeof text,
                    "{\"at_s\": %.0f, \"tasks\": %zu, \"open\": %zu, \"p50_us\": %.0f, \"p99_us\": %.0f, "
                    "\"resident_bytes\": %lld",
                    seconds_since(begin), latencies.size(), arrived.size(), quantile_us(latencies, 0.5),
                    quantile_us(latencies, 0.99), static_cast<long long>(resident_bytes()));
      figures = text;
      latencies.clear();
      next_sample += sample;
      sizes = std::async(std::launch::async, table_sizes, w.superuser());
    }
    if (sizes.valid() && sizes.wait_for(std::chrono::seconds{0}) == std::future_status::ready)
      std::cout << figures << sizes.get() << "}" << std::endl;
  }
  if (sizes.valid()) std::cout << figures << sizes.get() << "}" << std::endl;
}

}  // namespace cadre::bench
