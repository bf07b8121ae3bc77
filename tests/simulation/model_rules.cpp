#include "model_rules.hpp"

#include "storage/decide/retry.hpp"

#include <algorithm>
#include <set>

namespace cadre::simulation {

namespace decide = storage::decide;

namespace {

constexpr milliseconds regrant_after{2'000};

outcome answer_to(const command& c, const result<std::pair<std::int64_t, std::string>>& a) {
  outcome o;
  o.command = c.id;
  o.status = a ? outcome_status::committed : outcome_status::rejected;
  if (a) {
    o.value = a->first;
    o.ref = a->second;
  } else {
    o.error = a.error();
  }
  return o;
}

}  // namespace

outcome model_rules::apply(const command& c, timestamp now) {
  now_ = now;
  const auto newest = data_.agent_epochs.find(agent_path{c.from});
  const bool stale = newest != data_.agent_epochs.end() && newest->second != c.incarnation;
  if (stale && broken_ != sabotage::incarnation_unchecked)
    return answer_to(c, fail(errc::stale_epoch, c.from + " lives another life now"));
  return std::visit([&](const auto& body) { return answer_to(c, on(c, body)); }, c.body);
}

void model_rules::tick(timestamp now) {
  now_ = now;
  for (std::size_t i = 0; i < data_.runs.size(); ++i) {
    auto& run = data_.runs[i];
    if (run.status != run_status::active || run.lease_until > now) continue;
    revokes.push_back({run.id, run.agent, "its lease ran out"});
    end_badly(run, run_status::expired, {errc::lease_expired, "its lease ran out"}, true, true);
  }
  std::erase_if(data_.escalations, [&](escalation_row& e) {
    const bool due = e.at.status == escalation_status::open && !e.at.in_inbox && e.at.due <= now;
    if (!due) return false;
    if (broken_ == sabotage::escalation_dropped) return true;
    take(e, decide::escalation_due(org(), e.at, can_retry(e.task), now));
    return false;
  });
  for (auto& [name, node] : nodes_)
    if (node.up && now - node.seen > company_.timing.lease) node.up = false;
}

model_rules::answer model_rules::on(const command& c, const task_add& body) {
  if (data_.tasks.contains(body.id) && broken_ != sabotage::commands_doubled) return std::pair{0, body.id.text};
  task_row row;
  row.id = body.id;
  row.agent = body.agent;
  data_.tasks.insert_or_assign(body.id, row);
  watch_.written(c.id);
  return std::pair{0, body.id.text};
}

model_rules::answer model_rules::on(const command& c, const escalation_raise& body) {
  if (raise(body)) watch_.written(c.id);
  return std::pair{0, data_.hops.at(body.id).text};
}

model_rules::answer model_rules::on(const command&, const incarnation_start& body) {
  if (const auto earlier = data_.incarnations.find(body.token); earlier != data_.incarnations.end())
    return std::pair{static_cast<std::int64_t>(earlier->second.number), body.token.text};
  // Tokens are time-ordered: a start that was long on its way must not fence off the life that came after.
  if (body.token < data_.agent_tokens[body.agent]) return fail(errc::stale_epoch, "a later life has started");
  data_.agent_tokens[body.agent] = body.token;
  const auto granted = ++data_.last_incarnation;
  for (auto& [token, row] : data_.incarnations)
    if (row.agent == body.agent) row.ended = true;
  data_.incarnations[body.token] = {granted, body.agent, false};
  data_.agent_epochs[body.agent] = granted;
  data_.agent_states[body.agent] = agent_state::running;
  replaced.push_back({body.agent, granted});
  watch_.granted(body.agent, granted);
  end_runs_of(body.agent, granted - 1, {errc::crashed, "its agent was started anew"});
  return std::pair{static_cast<std::int64_t>(granted), body.token.text};
}

model_rules::answer model_rules::on(const command&, const incarnation_end& body) {
  const auto at = data_.incarnations.find(body.token);
  if (at == data_.incarnations.end()) return fail(errc::not_found, "no such life");
  auto& row = at->second;
  if (!row.ended) {
    row.ended = true;
    for (auto& [name, node] : nodes_)
      if (const auto seat = node.agents.find(row.agent);
          seat != node.agents.end() && seat->second.incarnation <= row.number)
        seat->second.free_slots = 0;
    end_runs_of(row.agent, row.number, {errc::node_lost, "its agent ended"});
  }
  return std::pair{static_cast<std::int64_t>(row.number), body.token.text};
}

model_rules::answer model_rules::on(const command&, const agent_report& body) {
  if (!data_.agent_events.insert(body.id).second) return std::pair{0, body.id.text};
  if (data_.last_reports[body.agent] < body.id) {
    data_.last_reports[body.agent] = body.id;
    data_.agent_states[body.agent] = body.state;
    data_.states_since[body.agent] = now_;
  }
  if (body.state == agent_state::quarantined)
    find_trouble("quarantined:" + body.id.text, body.agent, "quarantined", {});
  return std::pair{0, body.id.text};
}

model_rules::answer model_rules::on(const command& c, const node_report& body) {
  auto& node = nodes_[body.node];
  // Lives are time-ordered.
  if (body.life < node.life) return fail(errc::stale_epoch, "node " + body.node + " lives another life now");
  for (std::size_t i = 0; i < data_.runs.size(); ++i)
    if (auto& run = data_.runs[i]; run.status == run_status::active && run.node == body.node && run.life != body.life)
      end_badly(run, run_status::expired, {errc::node_lost, "its node was restarted"}, true, true);
  look_at_held(body);
  if (body.full || node.life != body.life) node.agents.clear();
  for (const auto& a : body.agents) node.agents[a.agent] = a;
  node.life = body.life;
  node.up = true;
  node.seen = now_;
  look_for_lost(body);
  for (const auto& a : body.agents)
    if (a.incarnation < data_.agent_epochs[a.agent]) replaced.push_back({a.agent, data_.agent_epochs[a.agent]});
  compare_with_told(body);
  return std::pair{0, c.id.text};
}

model_rules::answer model_rules::on(const command& c, const journal_add& body) {
  if (data_.journal.emplace(body.run, body.line).second)
    watch_.took_effect(body.agent, c.incarnation, "a line of the journal");
  return std::pair{0, body.run.text};
}

model_rules::answer model_rules::on(const command& c, const run_complete& body) {
  auto* run = active(body.run);
  if (run == nullptr) {
    const bool repeated = std::any_of(data_.runs.begin(), data_.runs.end(), [&](const run_row& r) {
      return r.id == body.run && r.status == run_status::succeeded;
    });
    if (repeated) return std::pair{0, body.run.text};
    return fail(errc::stale_attempt, "the run has ended");
  }
  watch_.took_effect(run->agent, c.incarnation, "the end of a run");
  run->status = run_status::succeeded;
  auto& task = data_.tasks.at(run->task);
  task.status = task_status::complete;
  ++task.completions;
  return std::pair{0, body.run.text};
}

model_rules::answer model_rules::on(const command& c, const run_fail& body) {
  auto* run = active(body.run);
  if (run == nullptr) {
    const bool repeated = std::any_of(data_.runs.begin(), data_.runs.end(), [&](const run_row& r) {
      return r.id == body.run && r.status == run_status::failed;
    });
    if (repeated) return std::pair{0, body.run.text};
    return fail(errc::stale_attempt, "the run has ended");
  }
  watch_.took_effect(run->agent, c.incarnation, "the failure of a run");
  end_badly(*run, run_status::failed, body.error, false, body.retryable);
  return std::pair{0, body.run.text};
}

/// False: it was raised before.
bool model_rules::raise(const escalation_raise& body) {
  if (data_.hops.contains(body.id) && broken_ != sabotage::commands_doubled) return false;
  const auto fingerprint = body.fingerprint.empty() ? body.origin.text + ":" + body.problem : body.fingerprint;
  for (auto& e : data_.escalations) {
    if (e.fingerprint != fingerprint || e.at.status == escalation_status::resolved) continue;
    ++e.count;
    data_.hops[body.id] = e.id;
    return true;
  }
  escalation_row row;
  row.id = body.id;
  row.fingerprint = fingerprint;
  row.task = body.task;
  data_.hops[body.id] = body.id;
  take(row, decide::raise_escalation(org(), body.origin, can_retry(body.task), now_));
  data_.escalations.push_back(row);
  return true;
}

void model_rules::find_trouble(const std::string& cause_of, const agent_path& origin, const std::string& problem,
                               const task_id& task) {
  escalation_raise body;
  body.id = named_id<escalation_id>(cause_of);
  body.origin = origin;
  body.problem = problem;
  body.task = task;
  raise(body);
}

decide::org_view model_rules::org() const {
  return [this](const agent_path& path) -> std::optional<decide::holder_view> {
    const auto* agent = company_.find_agent(path);
    if (agent == nullptr) return std::nullopt;
    const auto state = data_.agent_states.find(path);
    decide::holder_view view;
    view.manager = path.parent();
    view.available = state == data_.agent_states.end() ||
                     (state->second != agent_state::quarantined && state->second != agent_state::stopped);
    view.investigate = agent->on_escalation.investigate;
    view.then = agent->on_escalation.then;
    return view;
  };
}

bool model_rules::can_retry(const task_id&) const {
  // No policy of the model's companies retries.
  return false;
}

void model_rules::take(escalation_row& e, const decide::escalation_step& step) {
  e.at = step.after;
}

run_row* model_rules::active(const run_id& id) {
  const auto at = std::find_if(data_.runs.begin(), data_.runs.end(),
                               [&](const run_row& r) { return r.id == id && r.status == run_status::active; });
  return at == data_.runs.end() ? nullptr : &*at;
}

void model_rules::end_badly(run_row& run, run_status status, const failure& error, bool lost, bool retryable) {
  run.status = status;
  auto& task = data_.tasks.at(run.task);
  decide::ended_attempt ended;
  ended.attempt = run.attempt;
  const auto& retry = company_.find_agent(run.agent)->retry;
  ended.attempts_max = retry.attempts;
  ended.wait = retry.wait;
  ended.retryable = retryable;
  ended.lost = lost;
  ended.random = static_cast<double>(dice_.between(0, 999)) / 1'000.0;
  const auto decision = decide::decide_retry(ended);
  if (decision.again) {
    task.status = task_status::queued;
    task.run_after = decision.delay.count() > 0 ? now_ + decision.delay : timestamp{};
    return;
  }
  task.status = task_status::failed;
  find_trouble("run_failed:" + run.id.text, run.agent, "run_failed: " + error.message, task.id);
}

void model_rules::end_runs_of(const agent_path& agent, epoch until, const failure& error) {
  for (std::size_t i = 0; i < data_.runs.size(); ++i) {
    auto& run = data_.runs[i];
    if (run.agent != agent || run.incarnation > until || run.status != run_status::active) continue;
    revokes.push_back({run.id, agent, error.message});
    end_badly(run, run_status::expired, error, true, true);
  }
}

void model_rules::look_at_held(const node_report& body) {
  for (const auto& agent : body.agents) {
    for (const auto& id : agent.held) {
      auto* run = active(id);
      if (run == nullptr || run->node != body.node) {
        revokes.push_back({id, agent.agent, "the run is not active any more"});
        continue;
      }
      run->held = true;
      run->resend = false;
      run->lease_until = now_ + company_.timing.run_lease;
    }
  }
}

void model_rules::look_for_lost(const node_report& body) {
  if (!body.full) return;
  std::map<agent_path, std::set<run_id>> listed;
  for (const auto& agent : body.agents) listed[agent.agent].insert(agent.held.begin(), agent.held.end());
  for (std::size_t i = 0; i < data_.runs.size(); ++i) {
    auto& run = data_.runs[i];
    const bool concerned =
        run.status == run_status::active && run.node == body.node && now_ - run.granted_at >= regrant_after;
    if (!concerned) continue;
    const auto agent = listed.find(run.agent);
    if (agent == listed.end()) {
      end_badly(run, run_status::expired, {errc::node_lost, "its agent is not on its node any more"}, true, true);
    } else if (run.life == body.life && !agent->second.contains(run.id)) {
      run.held = false;
      run.resend = true;
    }
  }
}

void model_rules::compare_with_told(const node_report& body) {
  if (broken_ == sabotage::living_overlooked) return;
  for (const auto& [token, life] : data_.incarnations) {
    const bool listed = std::any_of(body.agents.begin(), body.agents.end(), [&, &row = life](const agent_capacity& a) {
      return a.agent == row.agent && a.incarnation == row.number;
    });
    auto& told = data_.agent_states[life.agent];
    if (!listed || life.ended || told == agent_state::running) continue;
    const bool given_up = told == agent_state::stopped || told == agent_state::quarantined;
    if (!given_up)
      told = agent_state::running;
    else if (now_ - data_.states_since[life.agent] > 2 * company_.timing.lease)
      replaced.push_back({life.agent, life.number + 1});
  }
}

void model_rules::give(task_row& task, run_row run) {
  run_grant g;
  g.run = run.id;
  g.task = task.id;
  g.attempt = run.attempt;
  g.agent = run.agent;
  g.incarnation = run.incarnation;
  grants.push_back(std::move(g));
}

void model_rules::grant(timestamp now) {
  now_ = now;
  for (auto& run : data_.runs) {
    if (run.status != run_status::active || !run.resend) continue;
    run.granted_at = now;
    run.resend = false;
    give(data_.tasks.at(run.task), run);
  }
  for (auto& [id, task] : data_.tasks) {
    if (task.status != task_status::queued || task.run_after > now) continue;
    for (auto& [name, node] : nodes_) {
      const auto seat = node.agents.find(task.agent);
      if (!node.up || seat == node.agents.end() || seat->second.incarnation != data_.agent_epochs[task.agent]) continue;
      const auto unheld = std::count_if(data_.runs.begin(), data_.runs.end(), [&](const run_row& r) {
        return r.status == run_status::active && r.agent == task.agent && r.node == name && !r.held;
      });
      if (seat->second.free_slots - unheld <= 0) continue;
      run_row run;
      run.id = named_id<run_id>("run " + std::to_string(++data_.runs_made));
      run.task = id;
      run.agent = task.agent;
      run.attempt = ++task.attempt;
      run.incarnation = seat->second.incarnation;
      run.node = name;
      run.life = node.life;
      run.lease_until = now + company_.timing.run_lease;
      run.granted_at = now;
      task.status = task_status::active;
      data_.runs.push_back(run);
      give(task, run);
      break;
    }
  }
}

}  // namespace cadre::simulation
