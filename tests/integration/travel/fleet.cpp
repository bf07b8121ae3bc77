#include "fleet.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

namespace cadre::travel {

namespace {

/// Reports come whenever the engine is asked, so a lease need not be short; a long one saves wake-ups that find
/// nothing.
constexpr minutes lease{30};
/// A tick comes at least this often. In a real fleet each second; between two moments nothing would be there to find.
constexpr minutes tick_every{30};
constexpr std::size_t complaints_max = 20;
/// Watchers and leader look around so often, in minutes, and at this share of the moments at which anything happens.
constexpr std::int64_t look_every_min = 20;
constexpr std::int64_t look_every_max = 100;
constexpr double look_share = 0.02;

config::company with_leases(config::company c) {
  c.timing.lease = lease;
  c.timing.run_lease = lease;
  return c;
}

}  // namespace

fleet::fleet(config::company c, timestamp start, std::uint64_t seed, sabotage broken)
    : company_{with_leases(std::move(c))},
      broken_{broken},
      dice_{seed},
      now_{start},
      db_{{company_.name}, start},
      tick_at_{start},
      reader_{must(storage::reader::open(db_.url(storage::reader_role)), "reader")},
      rules_{company_},
      look_at_{start + minutes{1}} {
  for (const auto& n : company_.nodes) nodes_[n.name].life = new_id<node_life_id>();
  lead();
  start_agents();
}

void fleet::say(const std::string& line) const {
  std::cout << to_iso(now_).substr(0, 19) << "  " << line << '\n';
}

void fleet::complain(const std::string& what) {
  note("COMPLAINT {}", what);
  if (complaints_.size() < complaints_max) complaints_.push_back(to_iso(now_) + ": " + what);
}

void fleet::send(command_body body, const std::string& from, epoch incarnation) {
  auto c = make_command(from, std::move(body));
  c.incarnation = incarnation;
  outbox_.push_back(std::move(c));
}

// Time ---------------------------------------------------------------------------------------------------------------

timestamp fleet::next_moment() const {
  auto next = timeline_.empty() ? timestamp_max : timeline_.begin()->first;
  if (led()) next = std::min({next, tick_at_, look_at_});
  return std::max(next, now_);
}

void fleet::run_until(timestamp end) {
  while (next_moment() <= end) step();
  now_ = end;
  db_.set(now_);
}

void fleet::step() {
  const auto next = next_moment();
  if (next > now_) {
    now_ = next;
    db_.set(now_);
  }
  while (!timeline_.empty() && timeline_.begin()->first <= now_) {
    auto due = timeline_.extract(timeline_.begin());
    due.mapped()();
  }
  ++steps_;
  if (!led()) return;
  commit();
  // Some moments are looked at as they are, others when they have become still.
  if (led() && (now_ >= look_at_ || dice_.chance(look_share))) {
    watchers_look();
    leader_looks();
    look_at_ = now_ + minutes{dice_.between(look_every_min, look_every_max)};
  }
}

// The leader ---------------------------------------------------------------------------------------------------------

void fleet::lose_leader() {
  note("the leader dies");
  // It had extended its lease until just now.
  if (engine_) must(engine_->renew(), "renew");
  engine_.reset();
  lead_.reset();
}

void fleet::lead() {
  lose_leader();
  leader_ = next_leader();
  storage::candidate who;
  who.writer_url = db_.url(storage::writer_role);
  who.company = company_.name;
  who.node = leader_;
  who.life = leader_life_;
  lead_ = std::make_unique<storage::leadership>(who);
  const auto reign = must(lead_->acquire(), "acquire");
  note("reign {} begins, of {}", reign, leader_);
  storage::engine_options options;
  options.seed = dice_.seed() | 1;
  options.node_row_every = hours{6};
  options.run_mark_every = minutes{10};
  options.schedules_look_every = tick_every;
  options.clock = [this] { return now_; };
  engine_ = std::make_unique<storage::writer_engine>(*lead_, options);
  break_ledger();
  must(engine_->sync_company(rules_of_leader()), "sync_company");
  led_since_ = tick_at_ = now_;
  // Grants that were lost are sent again once a report shows that nobody has them: one comes each second.
  after(seconds{3}, [] {});
}

std::string fleet::next_leader() {
  std::vector<std::string> able;
  for (const auto& n : company_.nodes)
    if (n.has(node_role::control)) able.push_back(n.name);
  return able.at(reigns_++ % able.size());
}

config::company fleet::rules_of_leader() const {
  auto rules = company_;
  if (broken_ == sabotage::no_catch_up)
    for (auto& s : rules.schedules) s.catch_up.policy = config::catch_up_policy::skip;
  return rules;
}

void fleet::break_ledger() {
  if (broken_ == sabotage::fires_forgotten)
    db_.ask(
        "DELETE FROM cadre.fire f USING (SELECT schedule, due_at FROM cadre.fire WHERE company = $1 AND ended_at IS "
        "NOT NULL ORDER BY due_at DESC LIMIT 1) last WHERE f.company = $1 AND f.schedule = last.schedule AND "
        "f.due_at = last.due_at",
        company_.name);
  if (broken_ == sabotage::fires_backdated)
    db_.ask(
        "UPDATE cadre.fire f SET expected_at = f.due_at + interval '1 second' FROM (SELECT schedule, due_at FROM "
        "cadre.fire WHERE company = $1 AND ended_at IS NOT NULL ORDER BY due_at DESC LIMIT 1) last WHERE "
        "f.company = $1 AND f.schedule = last.schedule AND f.due_at = last.due_at",
        company_.name);
  if (broken_ == sabotage::fires_doubled)
    db_.ask(
        "INSERT INTO cadre.task (company, id, mode, agent, title, status, attempts_max, schedule, created_by) SELECT "
        "t.company, gen_random_uuid(), t.mode, t.agent, t.title, 'queued', 3, t.schedule, 'leader' FROM cadre.fire f "
        "JOIN cadre.task t ON t.company = f.company AND t.id = f.task WHERE f.company = $1 ORDER BY f.due_at DESC "
        "LIMIT 1",
        company_.name);
}

void fleet::commit() {
  std::vector<command> batch;
  add_reports(batch);
  auto asked = std::exchange(outbox_, {});
  batch.insert(batch.end(), asked.begin(), asked.end());
  add_ticks(batch);
  if (!swallow_) return commit_all(std::move(batch));
  swallow_ = false;
  const auto lost = engine_->commit(batch);
  for (const auto& e : lost.events) see_event(e);  // Whoever leads next publishes them.
  outbox_ = std::move(asked);
  lose_leader();
}

void fleet::commit_all(std::vector<command> batch) {
  const auto made = engine_->commit(batch);
  if (made.lost_leadership) throw std::runtime_error{"the reign ended by itself"};
  if (broken_ == sabotage::no_due_audits)
    db_.ask(
        "UPDATE cadre.audit_due SET due_at = due_at + interval '1 year' WHERE company = $1 AND "
        "due_at < clock_timestamp() + interval '100 days'",
        company_.name);
  tick_at_ = now_ + std::min<milliseconds>(made.next_wakeup.value_or(tick_every), tick_every);
  // What asks to be looked at again at once has been looked at: by the second, as the real one's timer.
  tick_at_ = std::max(tick_at_, now_ + milliseconds{made.grants.empty() ? 1'000 : 1});
  take(made, batch);
}

void fleet::add_reports(std::vector<command>& batch) {
  for (const auto& [name, n] : nodes_) {
    node_report report;
    report.node = name;
    report.life = n.life;
    report.host = name;
    report.version = "travel";
    for (const auto& agent : company_.agents) {
      const auto found = lives_.find(agent.path);
      if (found == lives_.end() || found->second.node != name || found->second.incarnation == 0) continue;
      const auto& l = found->second;
      agent_capacity seat;
      seat.agent = agent.path;
      seat.incarnation = l.incarnation;
      seat.mode = agent.mode;
      seat.held.assign(l.held.begin(), l.held.end());
      if (agent.run.how != config::run_spec::mode::none && agent.role == agent_role::worker)
        seat.free_slots = std::max<std::int64_t>(0, agent.concurrency - static_cast<std::int64_t>(l.held.size()));
      report.agents.push_back(std::move(seat));
    }
    auto c = make_command("node." + name, std::move(report));
    batch.push_back(std::move(c));
  }
}

void fleet::add_ticks(std::vector<command>& batch) {
  const auto add = [&batch](command_body body) {
    auto c = make_command("leader", std::move(body));
    batch.push_back(std::move(c));
  };
  clock_tick tick;
  tick.at = now_;
  add(tick);
  if (scheduler_stuck_) return;
  schedule_tick scheduler;
  scheduler.at = now_ + wall_ahead_;
  add(scheduler);
}

void fleet::take(const storage::batch_result& made, const std::vector<command>& batch) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& o = made.outcomes[i];
    if (const auto start = starting_.find(batch[i].id); start != starting_.end()) {
      auto& l = lives_.at(start->second);
      l.incarnation = static_cast<epoch>(o.value);
      l.held.clear();
      starting_.erase(start);
      // Its seat is reported with the next moment.
      tick_at_ = std::min(tick_at_, now_ + milliseconds{1});
    }
    const bool stale = o.error.code == errc::stale_attempt || o.error.code == errc::stale_epoch;
    if (o.status != outcome_status::committed && !stale)
      complain(fmt::format("{} of {} was {}: {}",
                           std::visit([](const auto& body) { return std::string{body.kind}; }, batch[i].body),
                           batch[i].from, to_text(o.status), o.error.message));
  }
  for (const auto& grant : made.grants) begin_run(grant);
  for (const auto& revoke : made.revokes) {
    const auto found = lives_.find(revoke.agent);
    // An agent that got free is reported at once.
    if (found != lives_.end() && found->second.held.erase(revoke.run) > 0) after(milliseconds{1}, [] {});
  }
  for (const auto& e : made.events) see_event(e);
  for (const auto& id : made.briefs) after(seconds{1}, [this, id] { write_brief(id); });
}

// Agents -------------------------------------------------------------------------------------------------------------

void fleet::start_agents() {
  for (const auto& agent : company_.agents) start_agent(agent.path, agent.nodes.front());
}

void fleet::start_agent(const agent_path& agent, const std::string& where) {
  auto& l = lives_[agent];
  l.node = where;
  l.hung = false;
  l.incarnation = 0;
  incarnation_start start;
  start.token = new_id<incarnation_token>();
  start.agent = agent;
  start.node = where;
  start.node_life = nodes_.at(where).life;
  send(start, "node." + where);
  starting_.emplace(outbox_.back().id, agent);
}

void fleet::begin_run(const run_grant& grant) {
  auto& l = lives_.at(grant.agent);
  if (!l.held.insert(grant.run).second) return;
  note("{} begins {} (attempt {})", grant.agent.text, grant.title, grant.attempt);
  const auto payload = nlohmann::json::parse(grant.payload.text, nullptr, false);
  milliseconds takes = seconds{5 * dice_.between(1, 4)};
  if (payload.is_object() && payload.contains("takes_s")) takes = seconds{payload["takes_s"].get<std::int64_t>()};
  after(takes, [this, grant] { end_run(grant); });
}

void fleet::end_run(const run_grant& grant) {
  auto& l = lives_.at(grant.agent);
  if (l.hung || l.incarnation != grant.incarnation || l.held.erase(grant.run) == 0) return;
  if (l.fails) {
    run_fail fail;
    fail.run = grant.run;
    fail.error = {errc::crashed, "the disk is on fire"};
    return send(fail, grant.agent.text, l.incarnation);
  }
  const auto* agent = company_.find_agent(grant.agent);
  for (const auto& spec : agent->outputs) {
    if (l.empty_handed) break;
    output_add out;
    out.output = new_id<output_id>();
    out.run = grant.run;
    out.dataset = spec.dataset;
    for (const auto* which : {"a", "b"}) {
      nlohmann::json row{{"value", dice_.between(0, 9)}};
      for (const auto& column : spec.key) row[column] = which;
      out.rows.push_back({row.dump()});
    }
    send(out, grant.agent.text, l.incarnation);
  }
  run_complete done;
  done.run = grant.run;
  send(done, grant.agent.text, l.incarnation);
  ++done_[grant.task];
}

void fleet::see_event(const event& e) {
  if (e.what != "output_sealed") return;
  const auto data = nlohmann::json::parse(e.data.text);
  const review r{{data.at("output").get<std::string>()}, {data.at("worker").get<std::string>()}};
  for (const auto* auditor : company_.auditors_of(r.worker)) {
    if (lives_.at(auditor->path).silent) {
      unseen_[auditor->path].push_back(r);
    } else {
      after(seconds{5 * dice_.between(1, 3)}, [this, path = auditor->path, r] { review_output(path, r); });
    }
  }
}

void fleet::review_output(const agent_path& auditor, const review& r) {
  auto& l = lives_.at(auditor);
  if (l.silent) {
    unseen_[auditor].push_back(r);
    return;
  }
  verdict_add v;
  v.id = new_id<verdict_id>();
  v.output = r.output;
  v.auditor = auditor;
  v.passed = !lives_.at(r.worker).faulty;
  if (!v.passed) {
    audit_finding f;
    f.check = "truth";
    f.message = "it is not so";
    f.count = 1;
    v.findings.push_back(f);
  }
  send(v, auditor.text, l.incarnation);
}

// Faults -------------------------------------------------------------------------------------------------------------

void fleet::hang(const agent_path& agent) {
  note("{} hangs", agent.text);
  lives_.at(agent).hung = true;
}

void fleet::restart(const agent_path& agent) {
  note("{} is started anew", agent.text);
  start_agent(agent, lives_.at(agent).node);
}

void fleet::silence(const agent_path& agent, bool silent) {
  note("{} {}", agent.text, silent ? "falls silent" : "is back");
  lives_.at(agent).silent = silent;
  if (silent) return;
  for (const auto& r : std::exchange(unseen_[agent], {}))
    after(seconds{5}, [this, agent, r] { review_output(agent, r); });
}

void fleet::empty_handed(const agent_path& agent, bool empty) {
  note("{} brings {}", agent.text, empty ? "nothing any more" : "rows again");
  lives_.at(agent).empty_handed = empty;
}

void fleet::fail_runs(const agent_path& agent, bool fails) {
  note("{} {}", agent.text, fails ? "fails from now on" : "works again");
  lives_.at(agent).fails = fails;
}

void fleet::find_fault(const agent_path& worker, bool bad) {
  lives_.at(worker).faulty = bad;
}

}  // namespace cadre::travel
