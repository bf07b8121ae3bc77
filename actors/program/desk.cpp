#include "desk.hpp"

#include <algorithm>
#include <charconv>

namespace cadre::actors {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::size_t past_runs_max = 256;
/// Repeats of one report that are all answered; of more, the oldest has long given up.
constexpr std::size_t repeats_max = 4;
constexpr milliseconds busy_pause{100};

/// The life that made a session: its id begins with it.
epoch life_of(std::string_view session) {
  epoch life = 0;
  std::from_chars(session.data(), session.data() + session.size(), life);
  return life;
}

program_error unknown_session() {
  return {"unknown_session", "this session has ended, or the agent was started again since: attach again",
          milliseconds{0}};
}

std::string text_of(milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

}  // namespace

program_desk::actions program_desk::on_call(const program_call& call, const std::string& to, moment now) {
  actions out;
  if (const auto* a = std::get_if<attach_call>(&call)) {
    attach(out, *a, to, now);
  } else if (const auto* c = std::get_if<claim_call>(&call)) {
    ask(out, *c, to, now);
  } else if (const auto* r = std::get_if<report_call>(&call)) {
    take(out, *r, to, now);
  } else if (const auto* h = std::get_if<heartbeat_call>(&call)) {
    beat(out, *h, to, now);
  } else if (const auto* d = std::get_if<detach_call>(&call)) {
    leave(out, *d, to);
  } else {
    show(out, to, now);
  }
  return out;
}

void program_desk::attach(actions& out, const attach_call& call, const std::string& to, moment now) {
  if (sessions_.size() >= options_.programs_max) {
    out.push_back(answer{to, error_text({"busy",
                                         std::to_string(sessions_.size()) +
                                             " programs are attached, which is programs_max; wait for one to end, or "
                                             "raise it",
                                         options_.offer.heartbeat})});
    return;
  }
  auto told = options_.offer;
  told.session = std::to_string(options_.life) + '.' + new_uuid();
  session s;
  s.name = call.name;
  s.since = s.heard = now;
  sessions_.emplace(told.session, std::move(s));
  out.push_back(answer{to, attached_text(told)});
}

program_desk::session* program_desk::find(actions& out, const std::string& id, const std::string& to, moment now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    // A newer life of the agent, on another node, has it: that one answers.
    if (life_of(id) <= options_.life) out.push_back(answer{to, error_text(unknown_session())});
    return nullptr;
  }
  found->second.heard = now;
  return &found->second;
}

void program_desk::ask(actions& out, const claim_call& call, const std::string& to, moment now) {
  auto* s = find(out, call.session, to, now);
  if (!s) return;
  if (call.seq < s->claim_seq) {
    out.push_back(answer{to, none_text()});
    return;
  }
  if (call.seq == s->claim_seq) {
    const auto run = runs_.find(s->claimed);
    if (run != runs_.end() && run->second.session == call.session && !run->second.given_up) {
      run->second.named = now;
      out.push_back(hand_out{to, run->first});
      return;
    }
  }
  // One claim of a program waits at a time; whoever asks anew has given up the one before.
  if (s->waits && call.seq != s->claim_seq) out.push_back(answer{s->waits->to, none_text()});
  const auto since = s->waits ? s->waits->since : now;
  s->claim_seq = call.seq;
  s->claimed = {};
  s->waits = claim{to, since, now + call.wait};
  const handed* oldest = nullptr;
  run_id next;
  for (const auto& [id, run] : runs_) {
    if (!run.session.empty() || run.given_up || (oldest && oldest->since <= run.since)) continue;
    oldest = &run;
    next = id;
  }
  if (oldest) give(out, next, call.session, now);
}

void program_desk::give(actions& out, const run_id& run, const std::string& to_session, moment now) {
  auto& s = sessions_.at(to_session);
  auto& r = runs_.at(run);
  r.session = to_session;
  r.since = r.named = now;
  s.claimed = run;
  out.push_back(hand_out{s.waits->to, run});
  s.waits.reset();
}

void program_desk::take(actions& out, const report_call& call, const std::string& to, moment now) {
  const auto found = runs_.find(call.run);
  const auto* over = find_past(call.run);
  // A program that comes too late is told so of its run, whether or not it has a session still.
  const bool had_it =
      (found != runs_.end() && found->second.session == call.session) || (over && over->session == call.session);
  if (!(had_it && !sessions_.contains(call.session)) && !find(out, call.session, to, now)) return;
  if (found == runs_.end() || found->second.session != call.session || found->second.given_up) {
    if (over && over->session == call.session && call.seq <= over->reported) {
      const bool complete = over->why.code == errc::none;
      out.push_back(answer{to, reported_text(call.run, call.seq, complete ? "complete" : "failed")});
      return;
    }
    const auto stop = stopped(call.run, call.session);
    out.push_back(answer{to, error_text({stop.code, stop.message, milliseconds{0}})});
    return;
  }
  auto& run = found->second;
  run.named = now;
  if (call.seq <= run.reported) {
    out.push_back(answer{to, reported_text(call.run, call.seq, "active")});
    return;
  }
  if (run.open && call.seq == run.open->seq) {
    if (run.open->to.size() == repeats_max) run.open->to.erase(run.open->to.begin());
    run.open->to.push_back(to);
    return;
  }
  if (call.seq != run.reported + 1 + (run.open ? 1 : 0)) {
    out.push_back(answer{
        to, error_text({"bad_sequence",
                        "report " + std::to_string(call.seq) + " of the run, where " +
                            std::to_string(run.reported + 1) + " is next; number them from 1 and wait for each answer",
                        milliseconds{0}})});
    return;
  }
  if (run.open) {
    out.push_back(
        answer{to, error_text({"busy", "the report before is not durable yet; wait for its answer", busy_pause})});
    return;
  }
  run.open = report{call.seq, {to}};
  out.push_back(take_lines{call.run, call.lines});
}

void program_desk::beat(actions& out, const heartbeat_call& call, const std::string& to, moment now) {
  if (!find(out, call.session, to, now)) return;
  std::vector<stopped_run> stop;
  for (const auto& id : call.runs) {
    const auto found = runs_.find(id);
    if (found != runs_.end() && found->second.session == call.session && !found->second.given_up) {
      found->second.named = now;
      continue;
    }
    // What is complete needs no stop: its program may not have read the answer yet.
    const auto* over = find_past(id);
    if (!over || over->session != call.session || over->why.code != errc::none)
      stop.push_back(stopped(id, call.session));
  }
  out.push_back(answer{to, heartbeat_text(stop)});
}

void program_desk::leave(actions& out, const detach_call& call, const std::string& to) {
  const auto found = sessions_.find(call.session);
  if (found == sessions_.end()) {
    if (life_of(call.session) <= options_.life) out.push_back(answer{to, detached_text()});
    return;
  }
  drop_session(out, call.session, found->second.name + " detached in mid-run");
  out.push_back(answer{to, detached_text()});
}

void program_desk::show(actions& out, const std::string& to, moment now) const {
  std::vector<program_row> rows;
  std::size_t claims = 0;
  for (const auto& [id, s] : sessions_) {
    program_row row;
    row.name = s.name;
    row.attached = duration_cast<milliseconds>(now - s.since);
    row.silent = duration_cast<milliseconds>(now - s.heard);
    for (const auto& [run_name, run] : runs_)
      if (run.session == id) row.runs.push_back(run_name);
    rows.push_back(std::move(row));
    claims += s.waits ? 1 : 0;
  }
  out.push_back(answer{to, show_text(rows, claims)});
}

program_desk::actions program_desk::on_grant(const run_id& run, moment now) {
  actions out;
  handed r;
  r.since = r.named = now;
  if (!runs_.emplace(run, std::move(r)).second) return out;
  const std::string* first = nullptr;
  moment since;
  for (const auto& [id, s] : sessions_) {
    if (!s.waits || (first && since <= s.waits->since)) continue;
    first = &id;
    since = s.waits->since;
  }
  if (first) give(out, run, *first, now);
  return out;
}

void program_desk::answer_report(actions& out, handed& run, const std::string& text) {
  if (!run.open) return;
  for (const auto& to : run.open->to) out.push_back(answer{to, text});
  run.open.reset();
}

program_desk::actions program_desk::on_refused(const run_id& run, const failure& why, moment now) {
  actions out;
  const auto found = runs_.find(run);
  if (found == runs_.end()) return out;
  found->second.named = now;
  const std::string code = why.code == errc::stale_attempt ? "stale_run" : std::string{to_text(why.code)};
  answer_report(
      out, found->second,
      error_text({code, why.message + "; nothing of this report was taken, the run goes on", milliseconds{0}}));
  return out;
}

program_desk::actions program_desk::on_durable(const run_id& run, moment now) {
  actions out;
  const auto found = runs_.find(run);
  if (found == runs_.end() || !found->second.open) return out;
  auto& r = found->second;
  r.named = now;
  if (const auto s = sessions_.find(r.session); s != sessions_.end()) s->second.heard = now;
  r.reported = r.open->seq;
  answer_report(out, r, reported_text(run, r.reported, "active"));
  return out;
}

program_desk::actions program_desk::on_over(const run_id& run, const failure& why, moment now) {
  actions out;
  const auto found = runs_.find(run);
  if (found == runs_.end()) return out;
  auto& r = found->second;
  if (const auto s = sessions_.find(r.session); s != sessions_.end() && r.open) s->second.heard = now;
  past p{run, r.session, r.reported, why};
  // A program that said itself that it failed was heard; one that the writer refused was not.
  const bool heard = why.code == errc::none || why.code == errc::worker_failed;
  if (r.open && heard) p.reported = r.open->seq;
  past_.push_back(p);
  if (past_.size() > past_runs_max) past_.pop_front();
  if (r.open) {
    const auto stop = stopped(run, r.session);
    answer_report(out, r,
                  heard ? reported_text(run, p.reported, why.code == errc::none ? "complete" : "failed")
                        : error_text({stop.code, stop.message, milliseconds{0}}));
  }
  runs_.erase(found);
  return out;
}

void program_desk::drop_run(actions& out, const run_id& run, failure why) {
  auto& r = runs_.at(run);
  if (r.given_up) return;
  r.given_up = true;
  out.push_back(give_up{run, std::move(why)});
}

void program_desk::drop_session(actions& out, const std::string& id, const std::string& why) {
  const auto found = sessions_.find(id);
  if (found->second.waits) out.push_back(answer{found->second.waits->to, error_text(unknown_session())});
  for (const auto& [run, r] : runs_)
    if (r.session == id) drop_run(out, run, {errc::worker_gone, why});
  sessions_.erase(found);
}

bool program_desk::owed(const std::string& id) const {
  return std::any_of(runs_.begin(), runs_.end(),
                     [&](const auto& r) { return r.second.session == id && r.second.open; });
}

program_desk::actions program_desk::on_time(moment now) {
  actions out;
  const auto gone_after = options_.offer.gone_after;
  std::vector<std::string> silent;
  for (auto& [id, s] : sessions_) {
    if (s.waits && s.waits->until <= now) {
      out.push_back(answer{s.waits->to, none_text()});
      s.waits.reset();
    }
    // Who waits for our answer is not the one who is silent.
    if (s.heard + gone_after <= now && !owed(id)) silent.push_back(id);
  }
  for (const auto& id : silent)
    drop_session(out, id, sessions_.at(id).name + " was not heard of for " + text_of(gone_after));
  for (const auto& [id, r] : runs_) {
    if (r.open || r.given_up) continue;
    if (r.session.empty()) {
      if (r.since + gone_after <= now)
        drop_run(out, id, {errc::cancelled, "no program claimed it within " + text_of(gone_after)});
    } else if (r.since + options_.timeout <= now) {
      drop_run(out, id, {errc::timed_out, "not done after " + text_of(options_.timeout)});
    } else if (r.named + gone_after <= now) {
      drop_run(out, id,
               {errc::worker_gone, "its program lives and has not named it for " + text_of(gone_after) +
                                       ": it was lost on the way, or its program forgot it"});
    }
  }
  return out;
}

std::optional<program_desk::moment> program_desk::next_due() const {
  std::optional<moment> due;
  const auto at = [&](moment when) {
    if (!due || when < *due) due = when;
  };
  const auto gone_after = options_.offer.gone_after;
  for (const auto& [id, s] : sessions_) {
    if (s.waits) at(s.waits->until);
    if (!owed(id)) at(s.heard + gone_after);
  }
  for (const auto& [id, r] : runs_) {
    if (r.open || r.given_up) continue;
    at((r.session.empty() ? r.since : r.named) + gone_after);
    if (!r.session.empty()) at(r.since + options_.timeout);
  }
  return due;
}

program_desk::actions program_desk::close() {
  actions out;
  for (auto& [id, s] : sessions_)
    if (s.waits) out.push_back(answer{s.waits->to, error_text(unknown_session())});
  sessions_.clear();
  return out;
}

std::size_t program_desk::wanted() const {
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [](const auto& s) { return s.second.waits.has_value(); }));
}

const program_desk::past* program_desk::find_past(const run_id& run) const {
  const auto found = std::find_if(past_.rbegin(), past_.rend(), [&](const past& p) { return p.run == run; });
  return found == past_.rend() ? nullptr : &*found;
}

stopped_run program_desk::stopped(const run_id& run, const std::string& asker) const {
  const auto* over = find_past(run);
  if (!over || over->session != asker || over->why.code == errc::none || over->why.code == errc::worker_gone)
    return {run, "stale_run",
            (over && over->session == asker
                 ? "the run has ended" + (over->why.code == errc::none ? "" : ": " + over->why.message)
                 : "this session has no such run: it ended, or was given to another") +
                "; drop it"};
  const auto code = over->why.code == errc::stale_attempt || over->why.code == errc::stale_epoch
                        ? "stale_run"
                        : std::string{to_text(over->why.code)};
  return {run, code, over->why.message + "; the run has ended, drop it"};
}

}  // namespace cadre::actors
