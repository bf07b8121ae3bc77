#include "world.hpp"

#include "storage/prepare.hpp"

#include <pqxx/pqxx>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace cadre::bench {

using namespace cadre::storage;

namespace {

constexpr const char* mode = "jobs";
constexpr int agents = 4;

std::string server_url() {
  const char* url = std::getenv("CADRE_TEST_POSTGRES");
  if (url == nullptr) throw std::runtime_error{"CADRE_TEST_POSTGRES is not set"};
  return url;
}

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

}  // namespace

json_text payload(std::size_t number) {
  return {R"({"number":)" + std::to_string(number) + R"(,"text":")" + std::string(280, 'x') + "\"}"};
}

double quantile_us(std::vector<double> all, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), all.begin() + at, all.end());
  return all[static_cast<std::size_t>(at)] * 1e6;
}

void print(std::initializer_list<std::pair<const char*, double>> figures) {
  std::string line;
  for (const auto& [name, value] : figures) {
    char text[96];
    std::snprintf(text, sizeof text, "%s\"%s\": %.6g", line.empty() ? "{" : ", ", name, value);
    line += text;
  }
  std::cout << line << "}" << std::endl;
}

world::world(std::chrono::seconds kept) : name_{"cadre_bench_" + new_uuid().substr(24)}, company_{make_company(kept)} {
  must(prepare_database(server_url(), name_, {"m", "w", "r"}, {company_.name}));
  lead_again();
}

world::~world() {
  engine_.reset();
  lead_.reset();
  pqxx::connection server{server_url()};
  pqxx::nontransaction{server}.exec("DROP DATABASE IF EXISTS " + server.quote_name(name_) + " WITH (FORCE)");
}

void world::lead_again() {
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

void world::commit(std::vector<command> commands) {
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

command world::make(command_body body, const std::string& from, epoch incarnation) {
  auto c = make_command(from, std::move(body));
  c.incarnation = incarnation;
  return c;
}

command world::add(std::size_t number) {
  task_add task;
  task.id = new_id<task_id>();
  task.mode = mode;
  task.title = "bench";
  task.payload = payload(number);
  return make(std::move(task), "cli");
}

std::vector<command> world::adds(std::size_t count) {
  std::vector<command> all;
  all.reserve(count);
  for (std::size_t n = 0; n < count; ++n) all.push_back(add(n));
  return all;
}

void world::open(std::size_t slots) {
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
    capacity.free_slots = static_cast<std::int64_t>((slots + agents - 1) / agents);
    report.agents.push_back(capacity);
  }
  commit({make(report, "node.one")});
}

clock::time_point world::prune() {
  const auto next = engine_->prune();
  if (!next) throw std::runtime_error{"the reign is over"};
  return clock::now() + *next;
}

void world::age(std::size_t count) {
  pqxx::connection server{superuser()};
  pqxx::nontransaction direct{server};
  const auto rows = " FROM generate_series(1, " + std::to_string(count) + ") i";
  // Ids are of version 7, as those that Cadre makes: in the order of the rows, for runs as for their tasks.
  direct.exec(
      "CREATE FUNCTION public.id_of(kind text, i int) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (lpad(to_hex("
      "(extract(epoch FROM date_trunc('hour', now()) - interval '1 day') * 1000)::bigint + i / 100), 12, '0') || "
      "'7' || lpad(to_hex(i % 100), 3, '0') || '8' || substr(md5(kind || i), 1, 15))::uuid $$");
  direct.exec(
      "INSERT INTO cadre.task (company, id, mode, title, payload, status, attempt, attempts_max, created_by, "
      "created_at, finished_at) SELECT 'bench', public.id_of('t', i), 'jobs', 'bench', jsonb_build_object('number', "
      "i, 'text', repeat('x', 280)), 'complete', 1, 3, 'cli', now() - interval '1 day', now() - interval '1 day'" +
      rows);
  direct.exec(
      "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
      "ended_at) SELECT 'bench', public.id_of('r', i), public.id_of('t', i), 1, 'ceo.worker-0', 1, 'one', "
      "md5('one')::uuid, 'succeeded', now() - interval '1 day', now() - interval '1 day'" +
      rows);
  direct.exec(
      "INSERT INTO cadre.event_batch (company, first_seq, last_seq, events) SELECT 'bench', 3 * i - 2, 3 * i, "
      "json_build_array(e, e, e) FROM (SELECT i, json_build_array('cadre.bench.task.jobs', 'task_changed', "
      "json_build_object('id', public.id_of('t', i))) AS e" +
      rows + ") made");
  for (const auto* table : {"task", "run", "event_batch"}) direct.exec(std::string{"VACUUM ANALYZE cadre."} + table);
  direct.exec("CHECKPOINT");
  lead_again();
  // These rows went past the writer. The first run that it begins moves its mark of active runs behind them, where it
  // would be had it written them.
  open(1);
  commit({add(0)});
  commit({});
  completed_ = 0;
}

std::string world::superuser() const {
  return must(connection_url(server_url(), name_, "", ""));
}

std::string world::reader() const {
  return must(connection_url(server_url(), name_, reader_role, "r"));
}

}  // namespace cadre::bench
