#include "actors/watch/health.hpp"

#include "schemas/json.hpp"

#include <algorithm>

namespace cadre::actors {
namespace {

using std::chrono::milliseconds;

bool needs_restart(const health_reason& r) {
  return r.what == ailment::scheduler || r.what == ailment::agent;
}

std::int64_t ms_between(steady_time then, steady_time now) {
  return std::chrono::duration_cast<milliseconds>(now - then).count();
}

/// Times of the same trouble may differ a little from look to look; that is no news.
bool same_troubles(const std::vector<health_reason>& a, const std::vector<health_reason>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const health_reason& x, const health_reason& y) {
    return x.what == y.what && x.about == y.about;
  });
}

}  // namespace

std::string_view to_text(ailment a) {
  switch (a) {
    case ailment::scheduler:
      return "scheduler";
    case ailment::agent:
      return "agent";
    case ailment::database:
      return "database";
    case ailment::bus:
      return "bus";
    case ailment::no_leader:
      return "no_leader";
  }
  return "unknown";
}

std::string_view to_text(health_state s) {
  switch (s) {
    case health_state::ok:
      return "ok";
    case health_state::degraded:
      return "degraded";
    case health_state::stalled:
      return "stalled";
    case health_state::draining:
      return "draining";
  }
  return "unknown";
}

std::string to_line(const health_report& report, steady_time now) {
  std::string line{to_text(report.state)};
  for (const health_reason& r : report.reasons) {
    line += &r == report.reasons.data() ? ": " : ", ";
    line += to_text(r.what);
    if (!r.about.empty()) line += ' ' + r.about;
    line += " for " + std::to_string(ms_between(r.since, now) / 1'000) + " s";
  }
  return line;
}

std::string to_json(const health_report& report, steady_time now) {
  nlohmann::json out{{"state", to_text(report.state)}, {"since_ms", ms_between(report.since, now)}};
  auto& reasons = out["reasons"] = nlohmann::json::array();
  for (const health_reason& r : report.reasons)
    reasons.push_back({{"what", to_text(r.what)}, {"about", r.about}, {"since_ms", ms_between(r.since, now)}});
  return out.dump();
}

health_machine::health_machine(health_limits limits, steady_time started)
    : limits_{limits}, awake_since_{started}, looked_{started}, writer_in_reach_since_{started} {
  report_.since = started;
}

std::vector<health_reason> health_machine::reasons(const vital_signs& signs, steady_time now) {
  std::vector<health_reason> out;
  const auto silent = [&](ailment what, std::string about, steady_time since, milliseconds limit) {
    since = std::max(since, awake_since_);
    if (now - since < limit) return false;
    out.push_back({what, std::move(about), since});
    return true;
  };
  if (signs.ping_waits_since) silent(ailment::scheduler, {}, *signs.ping_waits_since, limits_.scheduler_max);
  for (const silent_agent& a : signs.silent) silent(ailment::agent, a.agent.text, a.asked, limits_.agent_max);
  std::sort(out.begin(), out.end(), [](const health_reason& a, const health_reason& b) {
    return std::pair{a.what, a.about} < std::pair{b.what, b.about};
  });

  if (signs.bus_connected) {
    bus_lost_.reset();
  } else if (!bus_lost_) {
    bus_lost_ = now;
  }
  if (bus_lost_) bus_back_since_ = now;
  const bool led = now - std::max(signs.leader_heard, awake_since_) < limits_.leader_max;
  if (bus_lost_ || !led) writer_in_reach_since_ = now;
  if (database_failed(signs, now)) {
    if (!database_lost_) database_lost_ = signs.database_lost;
    out.push_back({ailment::database, {}, *database_lost_});
  } else {
    database_lost_.reset();
    // Asked and silent: a connection that is cut without a word; without the bus it is not asked. Else: without the bus
    // or a leader nothing can commit; the cause is named, not what follows from it.
    const bool asks = signs.database_heard != steady_time{};
    if (!asks || !silent(ailment::database, {}, std::max(signs.database_heard, bus_back_since_), limits_.database_max))
      silent(ailment::database, {}, std::max(signs.committed, writer_in_reach_since_), limits_.commit_max);
  }
  if (bus_lost_) out.push_back({ailment::bus, {}, *bus_lost_});
  if (!led) out.push_back({ailment::no_leader, {}, std::max(signs.leader_heard, awake_since_)});
  return out;
}

bool health_machine::database_failed(const vital_signs& signs, steady_time now) const {
  if (signs.database_lost <= awake_since_) return false;
  const auto ago = now - signs.database_lost;
  if (ago < limits_.database_well_min) return true;
  return signs.database_heard < signs.database_lost && ago < limits_.database_retry_max;
}

bool health_machine::look(const vital_signs& signs, steady_time now) {
  if (now - looked_ > limits_.look_gap_max) awake_since_ = now;
  looked_ = now;
  auto found = reasons(signs, now);
  auto state = found.empty() ? health_state::ok : health_state::degraded;
  if (std::any_of(found.begin(), found.end(), needs_restart)) state = health_state::stalled;
  if (signs.draining) state = health_state::draining;
  const bool changed = state != report_.state || !same_troubles(found, report_.reasons);
  if (state != report_.state) report_.since = now;
  report_.state = state;
  report_.reasons = std::move(found);
  return changed;
}

bool health_machine::alive() const noexcept {
  return std::none_of(report_.reasons.begin(), report_.reasons.end(), needs_restart);
}

}  // namespace cadre::actors
