#include "fixture.hpp"

#include <stdexcept>

namespace storage_test {

std::string server_url() {
  const char* url = std::getenv("CADRE_TEST_POSTGRES");
  if (url == nullptr) throw std::runtime_error{"CADRE_TEST_POSTGRES is not set"};
  return url;
}

database::database(std::vector<std::string> companies) : name_{"cadre_test_" + new_uuid().substr(24)} {
  const auto done = storage::prepare_database(server_url(), name_, {"m", "w", "r"}, companies);
  if (!done) throw std::runtime_error{done.error().message};
}

database::~database() {
  try {
    pqxx::connection server{server_url()};
    pqxx::nontransaction{server}.exec("DROP DATABASE IF EXISTS " + server.quote_name(name_) + " WITH (FORCE)");
  } catch (const std::exception& e) {
    BOOST_TEST_MESSAGE("dropping " << name_ << ": " << e.what());
  }
}

std::string database::url(std::string_view role) const {
  const auto password = role == storage::writer_role ? "w" : role == storage::reader_role ? "r" : "m";
  return storage::connection_url(server_url(), name_, role, password).value();
}

std::string database::superuser() const {
  return storage::connection_url(server_url(), name_, "", "").value();
}

database& shared_database() {
  static database one{{}};
  return one;
}

namespace {

config::agent make_agent(const std::string& path, agent_role role) {
  config::agent a;
  a.path.text = path;
  a.role = role;
  a.mode = std::string{a.path.name()};
  a.nodes = {"n1"};
  a.retry.attempts = 2;
  a.retry.wait = {milliseconds{1}, milliseconds{1}, 1.0, 0.0};
  if (role == agent_role::worker || role == agent_role::auditor) a.run.how = config::run_spec::mode::command;
  if (role == agent_role::manager) a.on_escalation.investigate = milliseconds{600'000};
  return a;
}

void add_worker(config::company& c, const std::string& path, const std::string& dataset, output_mode mode,
                std::vector<std::string> auditors) {
  auto worker = make_agent(path, agent_role::worker);
  if (!dataset.empty()) {
    config::output_spec spec;
    spec.dataset = dataset;
    if (mode != output_mode::append) spec.key = {"host", "tool"};
    spec.mode = mode;
    worker.outputs.push_back(spec);
  }
  c.agents.push_back(worker);
  for (const auto& auditor : auditors) agent_of(c, auditor).audits.push_back(worker.path);
}

}  // namespace

config::agent& agent_of(config::company& company, const std::string& path) {
  for (auto& a : company.agents)
    if (a.path.text == path) return a;
  throw std::runtime_error{"no agent " + path};
}

config::company make_company(const std::string& name) {
  config::company c;
  c.name = name;
  for (const auto* node : {"n1", "n2"}) {
    config::node n;
    n.name = node;
    n.roles = {node_role::control, node_role::work};
    c.nodes.push_back(n);
  }
  for (const auto& [path, role] :
       std::vector<std::pair<std::string, agent_role>>{{"ceo", agent_role::ceo},
                                                       {"ceo.ops", agent_role::manager},
                                                       {"ceo.ops.audit", agent_role::auditor},
                                                       {"ceo.ops.audit2", agent_role::auditor},
                                                       {"ceo.data", agent_role::manager}})
    c.agents.push_back(make_agent(path, role));
  add_worker(c, "ceo.data.ingest", "hosts", output_mode::replace, {"ceo.ops.audit"});
  add_worker(c, "ceo.data.merge", "merged", output_mode::upsert, {"ceo.ops.audit"});
  add_worker(c, "ceo.data.logs", "lines", output_mode::append, {"ceo.ops.audit"});
  add_worker(c, "ceo.data.pair", "pairs", output_mode::replace, {"ceo.ops.audit", "ceo.ops.audit2"});
  add_worker(c, "ceo.data.solo", "unseen", output_mode::replace, {});
  add_worker(c, "ceo.data.plain", "", output_mode::replace, {});
  config::schedule s;
  s.name = "hourly";
  s.agent.text = "ceo.data.plain";
  s.cron = "7 * * * *";
  s.watcher.text = "ceo.ops.audit";
  c.schedules.push_back(s);
  return c;
}

command make(command_body body, const std::string& from, epoch incarnation) {
  auto c = make_command(from, std::move(body));
  c.incarnation = incarnation;
  return c;
}

std::string status(const outcome& o) {
  std::string text{to_text(o.status)};
  if (o.status == outcome_status::rejected) text += " " + std::string{to_text(o.error.code)};
  return text;
}

world::world(config::company c, database& d, storage::engine_options o)
    : db{d}, company{std::move(c)}, options{std::move(o)} {
  options.seed = 1;
  options.regrant_after = milliseconds{0};
  take_over();
}

void world::take_over() {
  engine.reset();
  lead.reset();
  storage::candidate who;
  who.writer_url = db.url(storage::writer_role);
  who.company = company.name;
  who.node = "n1";
  who.life = life;
  lead = std::make_unique<leadership>(who);
  const auto reign = lead->acquire();
  BOOST_REQUIRE_MESSAGE(reign.has_value(), (reign ? "" : reign.error().message));
  engine = std::make_unique<writer_engine>(*lead, options);
  const auto synced = engine->sync_company(company);
  BOOST_REQUIRE_MESSAGE(synced.has_value(), (synced ? "" : synced.error().message));
}

outcome world::send(const command& c) {
  last = engine->commit({c});
  BOOST_REQUIRE_EQUAL(last.outcomes.size(), 1U);
  BOOST_TEST(last.outcomes[0].command.text == c.id.text);
  return last.outcomes[0];
}

epoch world::life_of(const std::string& agent) {
  const auto there =
      ask("SELECT epoch FROM cadre.incarnation WHERE company = $1 AND ended_at IS NULL AND agent = '" + agent + "'");
  if (there != "-") return std::stoull(there);
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent.text = agent;
  start.node = "n1";
  start.node_life = life;
  return static_cast<epoch>(must(start).value);
}

outcome world::send(command_body body, const std::string& from, epoch incarnation) {
  if (const auto* v = std::get_if<verdict_add>(&body);
      v != nullptr && incarnation == 0 && (from == "cli" || from == v->auditor.text)) {
    const auto sender = v->auditor.text;
    const auto present = life_of(sender);
    return send(make(std::move(body), sender, present));
  }
  return send(make(std::move(body), from, incarnation));
}

outcome world::must(command_body body, const std::string& from, epoch incarnation) {
  auto o = send(std::move(body), from, incarnation);
  BOOST_REQUIRE_MESSAGE(o.status == outcome_status::committed, status(o) << ": " << o.error.message);
  return o;
}

node_report world::report(const std::string& agent, std::int64_t free, std::vector<run_id> held) const {
  node_report r;
  r.node = "n1";
  r.life = life;
  r.host = "h";
  r.version = "v";
  agent_capacity seat;
  seat.agent.text = agent;
  seat.free_slots = free;
  seat.held = std::move(held);
  for (const auto& a : company.agents)
    if (a.path == seat.agent) seat.mode = a.mode;
  r.agents.push_back(seat);
  return r;
}

task_add world::task(const std::string& agent) const {
  task_add t;
  t.id = new_id<task_id>();
  t.agent.text = agent;
  t.title = "work for " + agent;
  t.payload.text = R"({"n":1})";
  return t;
}

run_grant world::granted(const std::string& agent) {
  const auto add = task(agent);
  must(add);
  must(report(agent, 1));
  BOOST_REQUIRE_EQUAL(last.grants.size(), 1U);
  BOOST_TEST(last.grants[0].task.text == add.id.text);
  return last.grants[0];
}

output_id world::produced(const std::string& agent, const std::string& dataset, const std::vector<std::string>& rows) {
  const auto grant = granted(agent);
  output_add out;
  out.output = new_id<output_id>();
  out.run = grant.run;
  out.dataset = dataset;
  for (const auto& row : rows) out.rows.push_back({row});
  must(out, agent);
  run_complete done;
  done.run = grant.run;
  must(done, agent);
  return out.output;
}

verdict_add world::verdict(const output_id& output, const std::string& auditor, bool passed) const {
  verdict_add v;
  v.id = new_id<verdict_id>();
  v.output = output;
  v.auditor.text = auditor;
  v.passed = passed;
  if (!passed) {
    audit_finding f;
    f.check = "unique";
    f.message = "two rows of one host";
    f.count = 2;
    f.sample_rows = {{R"({"host":"a"})"}};
    v.findings.push_back(f);
  }
  return v;
}

void world::tick_after(milliseconds later) {
  clock_tick tick;
  tick.at = engine->clock() + later;
  must(tick);
}

std::string world::ask(const std::string& sql) {
  if (!reader_) reader_ = std::make_unique<pqxx::connection>(db.superuser());
  pqxx::nontransaction tx{*reader_};
  const auto rows = sql.find("$1") == std::string::npos ? tx.exec(sql) : tx.exec_params(sql, company.name);
  if (rows.empty() || rows[0][0].is_null()) return "-";
  return rows[0][0].as<std::string>();
}

std::string world::task_status_of(const task_id& id) {
  return ask("SELECT status FROM cadre.task WHERE company = $1 AND id = '" + id.text + "'");
}

std::string world::canonical(const std::string& dataset) {
  return ask(
      "SELECT coalesce(string_agg(row::text, ' ' ORDER BY row::text), '') FROM cadre.canonical "
      "WHERE company = $1 AND dataset = '" +
      dataset + "'");
}

}  // namespace storage_test
