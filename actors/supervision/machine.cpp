#include "machine.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cadre::actors::supervision {

machine::machine(supervisor_flags flags, std::vector<child_spec> children, random jitter,
                 std::vector<child_spec> members)
    : flags_(flags), jitter_(std::move(jitter)) {
  if (flags_.strategy == restart_strategy::dynamic) {
    pool_ = std::move(children.front());
    children = std::move(members);
  }
  children_.reserve(children.size());
  for (auto& spec : children) children_.emplace_back().spec = std::move(spec);
  index();
}

std::vector<act::action> machine::handle(const on::event& e, steady_time now) {
  out_.clear();
  if (mode_ != mode::done) {
    std::visit([&](const auto& x) { take(x, now); }, e);
    step();
    settle();
    sweep();
  }
  return std::exchange(out_, {});
}

std::optional<agent_state> machine::state_of(const agent_path& id) const {
  const auto* c = find(id);
  if (c == nullptr) return std::nullopt;
  return visible(c->now);
}

const frozen<child_spec>* machine::spec_of(const agent_path& id) const {
  const auto* c = find(id);
  return c == nullptr ? nullptr : &c->spec;
}

std::size_t machine::alive() const {
  return alive_.size();
}

void machine::take(const on::start&, steady_time) {
  if (mode_ != mode::fresh) return;
  mode_ = mode::open;
  for (auto& c : children_) enter(c, phase::queued);
}

void machine::take(const on::started& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr) return;
  if (c->now == phase::running) c->token = kept_token{e.token};
  if (c->now != phase::starting) return;
  enter(*c, phase::running);
  c->token = kept_token{e.token};
  c->was_up = true;
  c->if_no_start.reset();
  c->up_since = now;
  report(*c, agent_state::running);
}

void machine::take(const on::start_failed& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr || c->now != phase::starting) return;
  if (e.cause.code != errc::none) c->no_start = std::make_unique<failure>(e.cause);
  if (to_be_stopped(*c)) return begin_rest(*c, exit_reason::error, e.cause);
  if (c->if_no_start) {
    enter(*c, *std::exchange(c->if_no_start, std::nullopt));
    return report(*c, visible(c->now), exit_reason::error, e.cause);
  }
  const bool first_attempt = !up_ && !c->was_up && c->restarts == 0;
  if (first_attempt && !c->spec->branch && !flags_.root) {
    enter(*c, phase::idle);
    report(*c, agent_state::stopped, exit_reason::error, e.cause);
    close(act::give_up{first_cause(*c, e.cause)});
  } else if (c->spec->restart == restart_type::temporary) {
    child_done(*c, exit_reason::error, e.cause);
  } else {
    count_and_restart(*c, exit_reason::error, e.cause, now);
  }
}

void machine::take(const on::unavailable& e, steady_time) {
  auto* c = find(e.id);
  if (c == nullptr || c->now != phase::starting) return;
  if (to_be_stopped(*c)) return begin_rest(*c, exit_reason::noconnection, e.cause);
  enter(*c, phase::waiting);
  c->if_no_start.reset();
  report(*c, agent_state::waiting, exit_reason::noconnection, e.cause);
}

void machine::take(const on::available& e, steady_time) {
  auto* c = find(e.id);
  if (c != nullptr && c->now == phase::waiting && mode_ == mode::open) enter(*c, phase::queued);
}

void machine::take(const on::down& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr || !is_alive(*c)) return;
  if (!e.token.empty() && !c->token.empty() && c->token != e.token) return;
  if (c->now == phase::stopping) {
    ended_while_stopping(*c, e);
  } else if (to_be_stopped(*c)) {
    begin_rest(*c, e.reason, e.cause);
  } else if (c->now == phase::starting && e.reason != exit_reason::noconnection) {
    take(on::start_failed{e.id, e.cause}, now);
  } else {
    life_failed(*c, e.reason, e.cause, now);
  }
}

void machine::take(const on::timer& e, steady_time) {
  if (mode_ != mode::open) return;
  if (e.id.empty()) {
    if (group_ && group_->generation == e.generation) group_->rested = true;
    return;
  }
  auto* c = find(e.id);
  if (c != nullptr && c->now == phase::backoff && c->generation == e.generation) begin_start(*c, false);
}

void machine::take(const on::stop& e, steady_time) {
  if (mode_ == mode::closing) return;
  close(act::finished{e.reason});
}

machine::child* machine::find(const agent_path& id) {
  return const_cast<child*>(std::as_const(*this).find(id));
}

const machine::child* machine::find(const agent_path& id) const {
  const auto at = places_.find(id);
  return at == places_.end() ? nullptr : &children_[at->second];
}

void machine::count(const child& c, bool in) {
  const auto put = [&](place_set& among) { in ? among.insert(index_of(c)) : among.erase(index_of(c)); };
  const auto add = [&](std::size_t& sum) { in ? ++sum : --sum; };
  if (c.now == phase::queued) put(queued_);
  if (is_alive(c)) put(alive_);
  if (c.now == phase::starting && c.sequenced) add(in_turn_);
  if (c.now == phase::gone) add(gone_);
}

void machine::enter(child& c, phase next) {
  count(c, false);
  c.now = next;
  count(c, true);
}

void machine::index() {
  places_.clear();
  queued_.clear();
  alive_.clear();
  places_.reserve(children_.size());
  in_turn_ = gone_ = 0;
  for (const auto& c : children_) {
    places_[&*c.spec] = index_of(c);
    count(c, true);
  }
}

std::size_t machine::index_of(const child& c) const {
  return static_cast<std::size_t>(&c - children_.data());
}

bool machine::is_alive(const child& c) {
  return c.now == phase::starting || c.now == phase::running || c.now == phase::stopping;
}

bool machine::in_group(const child& c) const {
  return group_ && index_of(c) >= group_->first;
}

bool machine::has_groups() const {
  return flags_.strategy == restart_strategy::one_for_all || flags_.strategy == restart_strategy::rest_for_one;
}

machine::phase machine::after_the_end(const child& c, phase otherwise) const {
  if (pool_) return phase::gone;
  if (c.spec->restart != restart_type::temporary) return otherwise;
  return c.added ? phase::gone : phase::ended;
}

void machine::step() {
  settle();
  if (mode_ == mode::closing) return close_step();
  if (mode_ != mode::open) return;
  if (group_) advance_group();
  start_next();
  if (!up_ && queued_.empty() && in_turn_ == 0 && !group_) {
    up_ = true;
    out_.emplace_back(act::up{});
  }
}

void machine::advance_group() {
  if (!alive_.empty() && alive_.last() >= group_->first) {
    auto& c = children_[alive_.last()];
    const auto after = after_the_end(c, phase::grouped);
    if (c.now != phase::stopping) begin_stop(c, after);
    return;
  }
  if (!group_->rested) return;
  for (auto i = group_->first; i < children_.size(); ++i)
    if (children_[i].now == phase::grouped) enter(children_[i], phase::queued);
  group_.reset();
}

void machine::start_next() {
  if (in_turn_ == 0 && !queued_.empty()) begin_start(children_[queued_.first()], true);
}

void machine::begin_start(child& c, bool sequenced) {
  c.sequenced = sequenced;
  enter(c, phase::starting);
  c.no_start.reset();
  c.token = {};
  report(c, agent_state::starting);
  out_.emplace_back(act::start{c.spec->id});
}

void machine::begin_stop(child& c, phase after) {
  c.after_stop = after;
  if (c.now == phase::stopping) return;
  enter(c, phase::stopping);
  out_.emplace_back(act::stop{c.spec->id});
}

bool machine::to_be_stopped(const child& c) const {
  return mode_ == mode::closing || in_group(c);
}

void machine::begin_rest(child& c, exit_reason reason, const failure& cause) {
  if (mode_ == mode::closing)
    enter(c, phase::idle);
  else
    enter(c, after_the_end(c, phase::grouped));
  c.token = {};
  c.if_no_start.reset();
  report(c, c.now == phase::grouped ? agent_state::backoff : agent_state::stopped, reason, cause);
}

void machine::ended_while_stopping(child& c, const on::down& e) {
  enter(c, mode_ == mode::closing ? phase::idle : c.after_stop);
  c.token = {};
  // It lives on under another supervisor, who speaks for it from now on.
  if (e.cause.code == errc::deposed) return;
  if (c.now == phase::queued || c.now == phase::grouped)
    report(c, agent_state::backoff, e.reason, e.cause);
  else
    report(c, agent_state::stopped, e.reason, e.cause);
}

void machine::life_failed(child& c, exit_reason reason, const failure& cause, steady_time now) {
  if (c.was_up && now - c.up_since >= flags_.period) c.streak = 0;
  c.token = {};
  const bool clean = reason == exit_reason::normal || reason == exit_reason::shutdown;
  if (c.spec->restart == restart_type::temporary || (c.spec->restart == restart_type::transient && clean))
    return child_done(c, reason, cause);
  if (reason != exit_reason::noconnection) return count_and_restart(c, reason, cause, now);
  // Not the child's fault, so it neither counts nor is slowed down.
  enter(c, phase::waiting);
  report(c, agent_state::waiting, reason, cause);
  if (has_groups()) restart_group(flags_.strategy == restart_strategy::one_for_all ? 0 : index_of(c), milliseconds{0});
}

void machine::count_and_restart(child& c, exit_reason reason, const failure& cause, steady_time now) {
  while (!window_.empty() && window_.front().at + flags_.period < now) window_.pop_front();
  if (static_cast<std::int64_t>(window_.size()) >= flags_.intensity) return too_many(c, reason, cause);
  window_.push_back({now, c.spec->id, cause});
  ++c.restarts;
  const auto delay = next_delay(c);
  c.token = {};
  enter(c, phase::backoff);
  report(c, agent_state::backoff, reason, cause);
  if (has_groups()) return restart_group(flags_.strategy == restart_strategy::one_for_all ? 0 : index_of(c), delay);
  if (delay == milliseconds{0}) return begin_start(c, false);
  out_.emplace_back(act::timer{c.spec->id, ++c.generation, delay});
}

void machine::restart_group(std::size_t first, milliseconds delay) {
  group g;
  g.first = group_ ? std::min(group_->first, first) : first;
  g.generation = ++group_generation_;
  g.rested = delay == milliseconds{0};
  group_ = g;
  if (!g.rested) out_.emplace_back(act::timer{{}, g.generation, delay});
  // As in OTP, a group restart also brings back what had ended or was terminated, but never a temporary child.
  for (auto i = g.first; i < children_.size(); ++i) {
    auto& c = children_[i];
    if (c.spec->restart == restart_type::temporary) {
      if (c.now == phase::stopping) c.after_stop = after_the_end(c, phase::ended);
      // One that did not have its turn yet still gets it: nothing of it has ended.
      const bool to_come = c.now == phase::queued || c.now == phase::grouped;
      if (to_come) enter(c, phase::grouped);
      if (!to_come && !is_alive(c) && c.now != phase::stopped) enter(c, after_the_end(c, phase::ended));
    } else if (c.now == phase::stopping) {
      c.after_stop = phase::grouped;
    } else if (!is_alive(c) && c.now != phase::quarantined) {
      ++c.generation;
      enter(c, phase::grouped);
    }
  }
}

void machine::too_many(child& c, exit_reason reason, const failure& cause) {
  const auto first = first_cause(c, cause);
  c.token = {};
  if (c.spec->branch || flags_.root) {
    // Its failures are dealt with; left in the window they would make a healthy sibling's next restart one too many.
    forget(c);
    enter(c, phase::quarantined);
    report(c, agent_state::quarantined, reason, first);
    return;
  }
  enter(c, phase::idle);
  report(c, agent_state::stopped, reason, first);
  close(act::give_up{first});
}

void machine::child_done(child& c, exit_reason reason, const failure& cause) {
  enter(c, after_the_end(c, phase::ended));
  c.token = {};
  report(c, agent_state::stopped, reason, cause);
  if (!c.spec->significant || flags_.auto_shutdown == auto_shutdown::never) return;
  const bool others_live = std::any_of(children_.begin(), children_.end(), [](const child& other) {
    const bool gone = other.now == phase::idle || other.now == phase::stopped || other.now == phase::ended ||
                      other.now == phase::gone || other.now == phase::quarantined;
    return other.spec->significant && !gone;
  });
  if (flags_.auto_shutdown == auto_shutdown::any_significant || !others_live)
    close(act::finished{exit_reason::shutdown});
}

void machine::close(act::action last) {
  mode_ = mode::closing;
  last_ = std::move(last);
  group_.reset();
  for (auto& c : children_) {
    ++c.generation;
    if (c.now == phase::queued) enter(c, phase::idle);
    if (c.now == phase::backoff || c.now == phase::waiting || c.now == phase::grouped) {
      enter(c, phase::idle);
      report(c, agent_state::stopped, exit_reason::shutdown);
    }
  }
}

void machine::close_step() {
  if (!alive_.empty()) {
    if (!pool_) return begin_stop(children_[alive_.last()], phase::idle);
    // A pool has no order to keep, and may be large: its children stop side by side.
    for (auto c = children_.rbegin(); c != children_.rend(); ++c)
      if (is_alive(*c)) begin_stop(*c, phase::idle);
    return;
  }
  mode_ = mode::done;
  out_.push_back(last_);
}

milliseconds machine::next_delay(child& c) {
  const auto n = c.streak++;
  if (n == 0) return milliseconds{0};
  const auto& b = flags_.wait;
  const auto grown = static_cast<double>(b.initial.count()) * std::pow(b.factor, static_cast<double>(n - 1));
  const auto capped = std::min(grown, static_cast<double>(b.max.count()));
  const auto varied = capped * (1.0 + b.jitter * (2.0 * jitter_() - 1.0));
  return milliseconds{std::max<std::int64_t>(0, std::llround(varied))};
}

failure machine::first_cause(const child& c, const failure& latest) const {
  const auto own =
      std::find_if(window_.begin(), window_.end(), [&](const restart_note& n) { return n.child == c.spec->id; });
  auto cause = own == window_.end() ? latest : own->cause;
  // Where it began is said once, by the level that saw it; branches above pass the text on as it is.
  const auto origin = c.spec->id.text + ": ";
  if (!c.spec->branch && !cause.message.starts_with(origin)) cause.message.insert(0, origin);
  return cause;
}

void machine::forget(const child& c) {
  std::erase_if(window_, [&](const restart_note& n) { return n.child == c.spec->id; });
}

void machine::report(const child& c, agent_state state, exit_reason reason, const failure& cause) {
  out_.emplace_back(act::report{c.spec->id, c.spec->branch, state, reason, cause, c.restarts});
}

agent_state machine::visible(phase p) {
  switch (p) {
    case phase::idle:
      return agent_state::planned;
    case phase::queued:
      return agent_state::planned;
    case phase::starting:
      return agent_state::starting;
    case phase::running:
    case phase::stopping:
      return agent_state::running;
    case phase::backoff:
    case phase::grouped:
      return agent_state::backoff;
    case phase::waiting:
      return agent_state::waiting;
    case phase::quarantined:
      return agent_state::quarantined;
    case phase::stopped:
    case phase::ended:
    case phase::gone:
      return agent_state::stopped;
  }
  return agent_state::planned;
}

}  // namespace cadre::actors::supervision
