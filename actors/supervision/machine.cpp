#include "machine.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cadre::actors::supervision {

machine::machine(supervisor_flags flags, std::vector<child_spec> children, random jitter)
    : flags_(flags), jitter_(std::move(jitter)) {
  for (auto& spec : children) {
    child c;
    c.spec = std::move(spec);
    children_.push_back(std::move(c));
  }
}

std::vector<act::action> machine::handle(const on::event& e, steady_time now) {
  out_.clear();
  if (mode_ != mode::done) {
    std::visit([&](const auto& x) { take(x, now); }, e);
    step();
  }
  return std::exchange(out_, {});
}

std::optional<agent_state> machine::state_of(const agent_path& id) const {
  const auto* c = find(id);
  if (c == nullptr) return std::nullopt;
  return visible(c->now);
}

const child_spec* machine::spec_of(const agent_path& id) const {
  const auto* c = find(id);
  return c == nullptr ? nullptr : &c->spec;
}

std::size_t machine::alive() const {
  return static_cast<std::size_t>(std::count_if(children_.begin(), children_.end(), is_alive));
}

void machine::take(const on::start&, steady_time) {
  if (mode_ != mode::fresh) return;
  mode_ = mode::open;
  for (auto& c : children_) c.now = phase::queued;
}

void machine::take(const on::started& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr || c->now != phase::starting) return;
  c->now = phase::running;
  c->token = e.token;
  c->was_up = true;
  c->up_since = now;
  report(*c, agent_state::running);
}

void machine::take(const on::start_failed& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr || c->now != phase::starting) return;
  if (to_be_stopped(*c)) return begin_rest(*c, exit_reason::error, e.cause);
  const bool first_attempt = !up_ && !c->was_up && c->restarts == 0;
  if (first_attempt && !c->spec.branch && !flags_.root) {
    c->now = phase::idle;
    report(*c, agent_state::stopped, exit_reason::error, e.cause);
    close(act::give_up{first_cause(*c, e.cause)});
  } else if (c->spec.restart == restart_type::temporary) {
    child_done(*c, exit_reason::error, e.cause);
  } else {
    count_and_restart(*c, exit_reason::error, e.cause, now);
  }
}

void machine::take(const on::unavailable& e, steady_time) {
  auto* c = find(e.id);
  if (c == nullptr || c->now != phase::starting) return;
  if (to_be_stopped(*c)) return begin_rest(*c, exit_reason::noconnection, e.cause);
  c->now = phase::waiting;
  report(*c, agent_state::waiting, exit_reason::noconnection, e.cause);
}

void machine::take(const on::available& e, steady_time) {
  auto* c = find(e.id);
  if (c != nullptr && c->now == phase::waiting && mode_ == mode::open) c->now = phase::queued;
}

void machine::take(const on::down& e, steady_time now) {
  auto* c = find(e.id);
  if (c == nullptr || !is_alive(*c)) return;
  if (!e.token.empty() && !c->token.empty() && e.token != c->token) return;
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

void machine::take(const on::order& e, steady_time) {
  using kind = on::order::kind;
  auto* c = find(e.id);
  if (c == nullptr || mode_ != mode::open) return;
  if (e.what == kind::terminate) {
    if (is_alive(*c)) {
      begin_stop(*c, phase::stopped);
    } else if (c->now != phase::stopped) {
      c->now = phase::stopped;
      ++c->generation;
      report(*c, agent_state::stopped, exit_reason::shutdown);
    }
    return;
  }
  if (e.what == kind::restart || c->now == phase::quarantined) {
    forget(*c);
    c->streak = 0;
  }
  if (c->now == phase::stopping && !in_group(*c)) {
    c->after_stop = phase::queued;
  } else if (is_alive(*c)) {
    if (e.what == kind::restart && !in_group(*c)) begin_stop(*c, phase::queued);
  } else if (c->now != phase::grouped) {
    ++c->generation;
    c->now = phase::queued;
  }
}

machine::child* machine::find(const agent_path& id) {
  return const_cast<child*>(std::as_const(*this).find(id));
}

const machine::child* machine::find(const agent_path& id) const {
  const auto at = std::find_if(children_.begin(), children_.end(), [&](const child& c) { return c.spec.id == id; });
  return at == children_.end() ? nullptr : &*at;
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

void machine::step() {
  if (mode_ == mode::closing) return close_step();
  if (mode_ != mode::open) return;
  if (group_) advance_group();
  start_next();
  const bool in_turn = std::any_of(children_.begin(), children_.end(), [](const child& c) {
    return c.now == phase::queued || (c.now == phase::starting && c.sequenced);
  });
  if (!up_ && !in_turn && !group_) {
    up_ = true;
    out_.emplace_back(act::up{});
  }
}

void machine::advance_group() {
  for (auto i = children_.size(); i-- > group_->first;) {
    auto& c = children_[i];
    if (!is_alive(c)) continue;
    const auto after = c.spec.restart == restart_type::temporary ? phase::ended : phase::grouped;
    if (c.now != phase::stopping) begin_stop(c, after);
    return;
  }
  if (!group_->rested) return;
  for (auto i = group_->first; i < children_.size(); ++i)
    if (children_[i].now == phase::grouped) children_[i].now = phase::queued;
  group_.reset();
}

void machine::start_next() {
  const auto in_turn = [](const child& c) { return c.now == phase::starting && c.sequenced; };
  if (std::any_of(children_.begin(), children_.end(), in_turn)) return;
  const auto next =
      std::find_if(children_.begin(), children_.end(), [](const child& c) { return c.now == phase::queued; });
  if (next != children_.end()) begin_start(*next, true);
}

void machine::begin_start(child& c, bool sequenced) {
  c.now = phase::starting;
  c.sequenced = sequenced;
  c.token = {};
  report(c, agent_state::starting);
  out_.emplace_back(act::start{c.spec.id});
}

void machine::begin_stop(child& c, phase after) {
  c.after_stop = after;
  if (c.now == phase::stopping) return;
  c.now = phase::stopping;
  out_.emplace_back(act::stop{c.spec.id});
}

bool machine::to_be_stopped(const child& c) const {
  return mode_ == mode::closing || in_group(c);
}

void machine::begin_rest(child& c, exit_reason reason, const failure& cause) {
  if (mode_ == mode::closing)
    c.now = phase::idle;
  else
    c.now = c.spec.restart == restart_type::temporary ? phase::ended : phase::grouped;
  c.token = {};
  report(c, c.now == phase::grouped ? agent_state::backoff : agent_state::stopped, reason, cause);
}

void machine::ended_while_stopping(child& c, const on::down& e) {
  c.now = mode_ == mode::closing ? phase::idle : c.after_stop;
  c.token = {};
  // It lives on under another supervisor, who speaks for it from now on.
  if (e.cause.code == errc::stale_epoch) return;
  if (c.now == phase::queued || c.now == phase::grouped)
    report(c, agent_state::backoff, e.reason, e.cause);
  else
    report(c, agent_state::stopped, e.reason, e.cause);
}

void machine::life_failed(child& c, exit_reason reason, const failure& cause, steady_time now) {
  if (c.was_up && now - c.up_since >= flags_.period) c.streak = 0;
  c.token = {};
  const bool clean = reason == exit_reason::normal || reason == exit_reason::shutdown;
  if (c.spec.restart == restart_type::temporary || (c.spec.restart == restart_type::transient && clean))
    return child_done(c, reason, cause);
  if (reason != exit_reason::noconnection) return count_and_restart(c, reason, cause, now);
  // Not the child's fault, so it neither counts nor is slowed down.
  c.now = phase::waiting;
  report(c, agent_state::waiting, reason, cause);
  if (flags_.strategy != restart_strategy::one_for_one)
    restart_group(flags_.strategy == restart_strategy::one_for_all ? 0 : index_of(c), milliseconds{0});
}

void machine::count_and_restart(child& c, exit_reason reason, const failure& cause, steady_time now) {
  while (!window_.empty() && window_.front().at + flags_.period < now) window_.pop_front();
  if (static_cast<std::int64_t>(window_.size()) >= flags_.intensity) return too_many(c, reason, cause);
  window_.push_back({now, index_of(c), cause});
  ++c.restarts;
  const auto delay = next_delay(c);
  c.token = {};
  c.now = phase::backoff;
  report(c, agent_state::backoff, reason, cause);
  if (flags_.strategy != restart_strategy::one_for_one)
    return restart_group(flags_.strategy == restart_strategy::one_for_all ? 0 : index_of(c), delay);
  if (delay == milliseconds{0}) return begin_start(c, false);
  out_.emplace_back(act::timer{c.spec.id, ++c.generation, delay});
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
    if (c.spec.restart == restart_type::temporary) {
      if (c.now == phase::stopping) c.after_stop = phase::ended;
      if (!is_alive(c) && c.now != phase::stopped) c.now = phase::ended;
    } else if (c.now == phase::stopping) {
      c.after_stop = phase::grouped;
    } else if (!is_alive(c) && c.now != phase::quarantined) {
      ++c.generation;
      c.now = phase::grouped;
    }
  }
}

void machine::too_many(child& c, exit_reason reason, const failure& cause) {
  const auto first = first_cause(c, cause);
  c.token = {};
  if (c.spec.branch || flags_.root) {
    // Its failures are dealt with; left in the window they would make a healthy sibling's next restart one too many.
    forget(c);
    c.now = phase::quarantined;
    report(c, agent_state::quarantined, reason, first);
    return;
  }
  c.now = phase::idle;
  report(c, agent_state::stopped, reason, first);
  close(act::give_up{first});
}

void machine::child_done(child& c, exit_reason reason, const failure& cause) {
  c.now = phase::ended;
  c.token = {};
  report(c, agent_state::stopped, reason, cause);
  if (!c.spec.significant || flags_.auto_shutdown == auto_shutdown::never) return;
  const bool others_live = std::any_of(children_.begin(), children_.end(), [](const child& other) {
    const bool gone = other.now == phase::idle || other.now == phase::stopped || other.now == phase::ended ||
                      other.now == phase::quarantined;
    return other.spec.significant && !gone;
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
    if (c.now == phase::queued) c.now = phase::idle;
    if (c.now == phase::backoff || c.now == phase::waiting || c.now == phase::grouped) {
      c.now = phase::idle;
      report(c, agent_state::stopped, exit_reason::shutdown);
    }
  }
}

void machine::close_step() {
  for (auto i = children_.size(); i-- > 0;) {
    auto& c = children_[i];
    if (!is_alive(c)) continue;
    begin_stop(c, phase::idle);
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
      std::find_if(window_.begin(), window_.end(), [&](const restart_note& n) { return n.child == index_of(c); });
  auto cause = own == window_.end() ? latest : own->cause;
  // Where it began is said once, by the level that saw it; branches above pass the text on as it is.
  const auto origin = c.spec.id.text + ": ";
  if (!c.spec.branch && !cause.message.starts_with(origin)) cause.message.insert(0, origin);
  return cause;
}

void machine::forget(const child& c) {
  std::erase_if(window_, [&](const restart_note& n) { return n.child == index_of(c); });
}

void machine::report(const child& c, agent_state state, exit_reason reason, const failure& cause) {
  out_.emplace_back(act::report{c.spec.id, c.spec.branch, state, reason, cause, c.restarts});
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
      return agent_state::stopped;
  }
  return agent_state::planned;
}

}  // namespace cadre::actors::supervision
