#include "measures.hpp"
#include "rates.hpp"
#include "world.hpp"

#include <algorithm>
#include <sys/prctl.h>
#include <thread>
#include <unordered_map>

namespace cadre::bench {
namespace {

constexpr std::size_t batch_max = 2'000;  // of the writer's actor

double most_per_s(std::size_t tasks, std::size_t senders, std::size_t batch) {
  world w;
  return batch > 1 ? both_per_s(w, tasks, batch) : senders_both_per_s(w, tasks, senders);
}

}  // namespace

void latency(std::size_t tasks) {
  world w;
  w.open(1);
  std::vector<double> started, finished;
  for (std::size_t n = 0; n < tasks; ++n) {
    std::vector<command> one{world::add(n)};
    const auto begin = clock::now();
    w.commit(std::move(one));
    started.push_back(seconds_since(begin));
    if (w.granted() != 1) throw std::runtime_error{"the task was not granted as it was committed"};
    w.commit({});
    finished.push_back(seconds_since(begin));
  }
  print({{"started_p50_us", quantile_us(started, 0.5)},
         {"started_p99_us", quantile_us(started, 0.99)},
         {"started_p999_us", quantile_us(started, 0.999)},
         {"finished_p50_us", quantile_us(finished, 0.5)},
         {"finished_p99_us", quantile_us(finished, 0.99)},
         {"finished_p999_us", quantile_us(finished, 0.999)}});
}

void half_load(std::size_t tasks, std::size_t senders, std::size_t batch) {
  const auto most = most_per_s(tasks, senders, batch);
  const auto rate = most / 2;
  prctl(PR_SET_TIMERSLACK, 1UL);  // else every wait for an arrival is 50 us too long

  world w;
  w.open(batch_max);
  std::unordered_map<std::string, clock::time_point> due;
  std::vector<double> committed, started, finished;
  const auto begin = clock::now();
  const auto arrival = [&](std::size_t n) {
    const auto first = static_cast<double>(n / batch * batch);
    return begin + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(first / rate));
  };
  const auto note = [&](std::vector<double>& all, clock::time_point at, clock::time_point since) {
    all.push_back(std::chrono::duration<double>(at - since).count());
  };
  std::size_t added = 0;
  while (finished.size() < tasks) {
    const auto first = added;
    std::vector<command> commands;
    while (added < tasks && commands.size() < batch_max && arrival(added) <= clock::now()) {
      commands.push_back(world::add(added));
      due.emplace(std::get<task_add>(commands.back().body).id.text, arrival(added));
      ++added;
    }
    if (commands.empty() && w.granted() == 0) {
      if (added == tasks) throw std::runtime_error{"a task was not granted"};
      std::this_thread::sleep_until(arrival(added));
      continue;
    }
    w.commit(std::move(commands));
    const auto now = clock::now();
    for (auto n = first; n < added; ++n) note(committed, now, arrival(n));
    for (const auto& run : w.granted_runs()) note(started, now, due.at(run.task.text));
    for (const auto& run : w.finished()) note(finished, now, due.at(run.task.text));
  }
  print({{"most_per_s", most},
         {"rate_per_s", rate},
         {"committed_p50_us", quantile_us(committed, 0.5)},
         {"committed_p99_us", quantile_us(committed, 0.99)},
         {"committed_p999_us", quantile_us(committed, 0.999)},
         {"started_p50_us", quantile_us(started, 0.5)},
         {"started_p99_us", quantile_us(started, 0.99)},
         {"started_p999_us", quantile_us(started, 0.999)},
         {"finished_p50_us", quantile_us(finished, 0.5)},
         {"finished_p99_us", quantile_us(finished, 0.99)},
         {"finished_p999_us", quantile_us(finished, 0.999)}});
}

}  // namespace cadre::bench
