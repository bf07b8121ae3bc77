// Drives the writer's engine as the leader's thread does: a batch of commands, one transaction, the next batch. Its one
// node is this program, whose agents do nothing: what they are granted, they complete with the next batch.
//   bench_storage lifecycle TASKS BATCH | latency TASKS | single COMMANDS | rows ROWS BATCH | growth OLD TASKS BATCH
//     | soak SECONDS TASKS_PER_S KEPT_S SAMPLE_S
// Prints one line of JSON; of a soak one for each sample. CADRE_TEST_POSTGRES: a superuser's URL.

#include "config/company.hpp"
#include "schemas/messages.hpp"
#include "storage/leadership.hpp"
#include "storage/prepare.hpp"
#include "storage/writer_engine.hpp"

#include <libpq-fe.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace {

using namespace cadre;
using namespace cadre::storage;
using clock = std::chrono::steady_clock;

constexpr const char* mode = "jobs";
constexpr int agents = 4;

double seconds_since(clock::time_point begin) {
  return std::chrono::duration<double>(clock::now() - begin).count();
}

std::string server_url() {
  const char* url = std::getenv("CADRE_TEST_POSTGRES");
  if (url == nullptr) throw std::runtime_error{"CADRE_TEST_POSTGRES is not set"};
  return url;
}

template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error{r.error().message};
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// Some 300 bytes, as the tasks of the other queues have.
json_text payload(std::size_t number) {
  return {R"({"number":)" + std::to_string(number) + R"(,"text":")" + std::string(280, 'x') + "\"}"};
}

/// What is over is kept for `kept`; 0: for the default.
config::company make_company(std::chrono::seconds kept) {
  config::company c;
  if (kept.count() > 0) {
    auto& r = c.retention;
    for (auto* k : {&r.tasks, &r.runs, &r.journal, &r.outputs, &r.events}) *k = {false, kept};
  }
  c.name = "bench";
  config::node node;
  node.name = "one";
  node.roles = {node_role::control, node_role::work};
  c.nodes.push_back(node);
  c.timing.run_lease = std::chrono::minutes{10};
  c.timing.lease = std::chrono::minutes{10};
  config::agent ceo;
  ceo.path.text = "ceo";
  ceo.role = agent_role::ceo;
  ceo.branch.emplace();
  ceo.nodes = {"one"};
  c.agents.push_back(ceo);
  for (int n = 0; n < agents; ++n) {
    config::agent worker;
    worker.path.text = "ceo.worker-" + std::to_string(n);
    worker.mode = mode;
    worker.nodes = {"one"};
    worker.run.how = config::run_spec::mode::command;
    worker.run.command = {"true"};
    c.agents.push_back(worker);
  }
  return c;
}

/// A database of its own with a company in it, and the engine that writes it.
class world {
 public:
  explicit world(std::chrono::seconds kept = {})
      : name_{"cadre_bench_" + new_uuid().substr(24)}, company_{make_company(kept)} {
    must(prepare_database(server_url(), name_, {"m", "w", "r"}, {company_.name}));
    lead_again();
  }
  ~world() {
    engine_.reset();
    lead_.reset();
    pqxx::connection server{server_url()};
    pqxx::nontransaction{server}.exec("DROP DATABASE IF EXISTS " + server.quote_name(name_) + " WITH (FORCE)");
  }
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  /// A new reign, which reads what it remembers.
  void lead_again() {
    engine_.reset();
    lead_.reset();
    candidate who;
    who.writer_url = must(connection_url(server_url(), name_, writer_role, "w"));
    who.company = company_.name;
    who.node = "one";
    who.life = life_;
    lead_ = std::make_unique<leadership>(who);
    must(lead_->acquire());
    engine_ = std::make_unique<writer_engine>(*lead_);
    must(engine_->sync_company(company_));
  }

  /// Commits; every command must be committed. What was granted is completed with the next call.
  void commit(std::vector<command> commands) {
    for (const auto& run : granted_) {
      run_complete done;
      done.run = run.run;
      commands.push_back(make(done, run.agent.text, run.incarnation));
    }
    completed_ += granted_.size();
    finished_ = std::move(granted_);
    granted_.clear();
    auto made = engine_->commit(commands);
    for (const auto& o : made.outcomes)
      if (o.status != outcome_status::committed) throw std::runtime_error{"not committed: " + o.error.message};
    granted_ = std::move(made.grants);
  }

  static command make(command_body body, const std::string& from, epoch incarnation = 0) {
    command c;
    c.id = new_id<command_id>();
    c.from = from;
    c.incarnation = incarnation;
    c.body = std::move(body);
    return c;
  }

  static command add(std::size_t number) {
    task_add task;
    task.id = new_id<task_id>();
    task.mode = mode;
    task.title = "bench";
    task.payload = payload(number);
    return make(std::move(task), "cli");
  }

  static std::vector<command> adds(std::size_t count) {
    std::vector<command> all;
    all.reserve(count);
    for (std::size_t n = 0; n < count; ++n) all.push_back(add(n));
    return all;
  }

  /// From now on the agents take up to `slots` tasks, all of them together.
  void open(std::size_t slots) {
    node_report report;
    report.node = "one";
    report.life = life_;
    for (const auto& agent : company_.agents) {
      if (agent.mode != mode) continue;
      incarnation_start start;
      start.agent = agent.path;
      start.node = "one";
      start.token = new_id<incarnation_token>();
      const auto began = engine_->commit({make(start, "node.one")});
      agent_capacity capacity;
      capacity.agent = agent.path;
      capacity.incarnation = began.outcomes.front().value;
      capacity.mode = mode;
      capacity.free_slots = static_cast<std::int64_t>(std::max<std::size_t>(1, slots / agents));
      report.agents.push_back(capacity);
    }
    commit({make(report, "node.one")});
  }

  /// One step of pruning; when the next one is due.
  clock::time_point prune() {
    const auto next = engine_->prune();
    if (!next) throw std::runtime_error{"the reign is over"};
    return clock::now() + *next;
  }

  /// What the last commit completed.
  [[nodiscard]] const std::vector<run_grant>& finished() const { return finished_; }
  [[nodiscard]] std::size_t completed() const { return completed_; }
  [[nodiscard]] std::size_t granted() const { return granted_.size(); }
  [[nodiscard]] const std::vector<run_grant>& granted_runs() const { return granted_; }
  [[nodiscard]] std::string superuser() const { return must(connection_url(server_url(), name_, "", "")); }

  /// Puts `count` complete tasks with a run and three events each into the tables, as if done long ago.
  void age(std::size_t count) {
    pqxx::connection server{superuser()};
    pqxx::nontransaction direct{server};
    const auto n = std::to_string(count);
    direct.exec(
        "INSERT INTO cadre.task (company, id, mode, title, payload, status, attempt, attempts_max, created_by, "
        "created_at, finished_at) SELECT 'bench', md5('t' || i)::uuid, 'jobs', 'bench', jsonb_build_object('number', "
        "i, 'text', repeat('x', 280)), 'complete', 1, 3, 'cli', now() - interval '1 day', now() - interval '1 day' "
        "FROM generate_series(1, " +
        n + ") i");
    direct.exec(
        "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
        "ended_at) SELECT 'bench', md5('r' || i)::uuid, md5('t' || i)::uuid, 1, 'ceo.worker-0', 1, 'one', "
        "md5('one')::uuid, 'succeeded', now() - interval '1 day', now() - interval '1 day' FROM generate_series(1, " +
        n + ") i");
    direct.exec(
        "INSERT INTO cadre.event_batch (company, first_seq, last_seq, events) SELECT 'bench', 3 * i - 2, 3 * i, "
        "json_build_array(e, e, e) FROM (SELECT i, json_build_array('cadre.bench.task.jobs', 'task_changed', "
        "json_build_object('id', md5('t' || i))) AS e FROM generate_series(1, " +
        n + ") i) made");
    for (const auto* table : {"task", "run", "event_batch"}) direct.exec(std::string{"VACUUM ANALYZE cadre."} + table);
    direct.exec("CHECKPOINT");
    lead_again();
  }

 private:
  std::string name_;
  config::company company_;
  node_life_id life_ = new_id<node_life_id>();
  std::unique_ptr<leadership> lead_;
  std::unique_ptr<writer_engine> engine_;
  std::vector<run_grant> granted_, finished_;
  std::size_t completed_ = 0;
};

void print(std::initializer_list<std::pair<const char*, double>> figures) {
  std::string line;
  for (const auto& [name, value] : figures) {
    char text[96];
    std::snprintf(text, sizeof text, "%s\"%s\": %.6g", line.empty() ? "{" : ", ", name, value);
    line += text;
  }
  std::cout << line << "}" << std::endl;
}

/// Adds all, then drains all; and adds while draining, in a second database.
void lifecycle(std::size_t tasks, std::size_t batch) {
  const auto per_s = [&](clock::time_point begin) { return static_cast<double>(tasks) / seconds_since(begin); };
  double enqueue = 0, drain = 0, both = 0;
  {
    world w;
    auto begin = clock::now();
    for (std::size_t n = 0; n < tasks; n += batch) w.commit(world::adds(std::min(batch, tasks - n)));
    enqueue = per_s(begin);
    begin = clock::now();
    w.open(batch);
    while (w.completed() < tasks) w.commit({});
    drain = per_s(begin);
  }
  {
    world w;
    w.open(batch);
    const auto begin = clock::now();
    for (std::size_t n = 0; w.completed() < tasks; n += batch)
      w.commit(n < tasks ? world::adds(std::min(batch, tasks - n)) : std::vector<command>{});
    both = per_s(begin);
  }
  print({{"enqueue_per_s", enqueue}, {"drain_per_s", drain}, {"both_per_s", both}});
}

/// Microseconds at which this share of all is done.
double quantile_us(std::vector<double> all, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), all.begin() + at, all.end());
  return all[static_cast<std::size_t>(at)] * 1e6;
}

/// One task after another on an idle queue. An agent is free, so what is committed is granted, too.
void latency(std::size_t tasks) {
  world w;
  w.open(agents);
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

/// Adding and draining at once beside that many old tasks; and how long a takeover reads them.
void growth(std::size_t old, std::size_t tasks, std::size_t batch) {
  world w;
  w.age(old);
  auto begin = clock::now();
  w.lead_again();
  const auto takeover = seconds_since(begin);
  w.open(batch);
  begin = clock::now();
  for (std::size_t n = 0; w.completed() < tasks; n += batch)
    w.commit(n < tasks ? world::adds(std::min(batch, tasks - n)) : std::vector<command>{});
  print({{"both_per_s", static_cast<double>(tasks) / seconds_since(begin)}, {"takeover_s", takeover}});
}

/// One command, one commit; beside one INSERT of such a row, one commit.
void single(std::size_t commands) {
  world w;
  std::vector<double> ours, raw;
  pqxx::connection server{w.superuser()};
  pqxx::nontransaction direct{server};
  server.prepare("one",
                 "INSERT INTO cadre.task (company, id, mode, title, payload, status, attempts_max, created_by) "
                 "VALUES ('bench', $1::uuid, 'jobs', 'bench', $2::jsonb, 'draft', 3, 'cli')");
  for (std::size_t n = 0; n < commands; ++n) {
    std::vector<command> one{world::add(n)};
    auto begin = clock::now();
    w.commit(std::move(one));
    ours.push_back(seconds_since(begin));
    const auto id = new_uuid();
    const auto text = payload(n).text;
    begin = clock::now();
    direct.exec_prepared("one", id, text);
    raw.push_back(seconds_since(begin));
  }
  print({{"command_p50_us", quantile_us(ours, 0.5)}, {"insert_p50_us", quantile_us(raw, 0.5)}});
}

/// Tasks per second through the writer, beside COPY of such rows into the same table.
void rows(std::size_t count, std::size_t batch) {
  world w;
  auto begin = clock::now();
  for (std::size_t n = 0; n < count; n += batch) w.commit(world::adds(std::min(batch, count - n)));
  const auto ours = static_cast<double>(count) / seconds_since(begin);

  world other;
  std::vector<std::string> lines;
  for (std::size_t n = 0; n < count; ++n)
    lines.push_back("bench\t" + new_uuid() + "\tjobs\tbench\t" + payload(n).text + "\tqueued\t3\tcli\n");
  const std::unique_ptr<PGconn, void (*)(PGconn*)> server{PQconnectdb(other.superuser().c_str()), PQfinish};
  const auto run = [&](const char* sql, ExecStatusType expected) {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> done{PQexec(server.get(), sql), PQclear};
    if (PQresultStatus(done.get()) != expected) throw std::runtime_error{PQerrorMessage(server.get())};
  };
  begin = clock::now();
  for (std::size_t n = 0; n < count; n += batch) {
    run("COPY cadre.task (company, id, mode, title, payload, status, attempts_max, created_by) FROM STDIN",
        PGRES_COPY_IN);
    for (auto i = n; i < std::min(count, n + batch); ++i)
      PQputCopyData(server.get(), lines[i].data(), static_cast<int>(lines[i].size()));
    PQputCopyEnd(server.get(), nullptr);
    while (PGresult* done = PQgetResult(server.get())) {
      const bool ok = PQresultStatus(done) == PGRES_COMMAND_OK;
      PQclear(done);
      if (!ok) throw std::runtime_error{PQerrorMessage(server.get())};
    }
  }
  const auto copied = static_cast<double>(count) / seconds_since(begin);
  print({{"writer_rows_per_s", ours}, {"copy_rows_per_s", copied}});
}

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
  for (const std::string table : {"task", "run", "journal", "event"}) {
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

/// Tasks arrive at a steady rate, whatever becomes of those before; what is over is pruned after `kept`. Every
/// `sample` a line: latencies from when a task should have been added until it was complete, memory, sizes.
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

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return argc > i ? static_cast<std::size_t>(std::stoull(argv[i])) : 0; };
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    if (what == "lifecycle" && argc == 4) return lifecycle(number(2), number(3)), 0;
    if (what == "latency" && argc == 3) return latency(number(2)), 0;
    if (what == "growth" && argc == 5) return growth(number(2), number(3), number(4)), 0;
    if (what == "single" && argc == 3) return single(number(2)), 0;
    if (what == "rows" && argc == 4) return rows(number(2), number(3)), 0;
    const auto seconds = [&](int i) { return std::chrono::seconds{static_cast<std::int64_t>(number(i))}; };
    if (what == "soak" && argc == 6) return soak(seconds(2), number(3), seconds(4), seconds(5)), 0;
    std::cerr << "usage: bench_storage lifecycle TASKS BATCH | latency TASKS | single COMMANDS | rows ROWS BATCH | "
                 "growth OLD TASKS BATCH | soak SECONDS TASKS_PER_S KEPT_S SAMPLE_S\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "bench_storage: " << e.what() << '\n';
    return 1;
  }
}
