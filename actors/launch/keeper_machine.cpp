#include "actors/launch/keeper_machine.hpp"

#include <algorithm>
#include <csignal>

namespace cadre::launch {

keeper_machine::actions keeper_machine::add(const child_policy& policy, steady_point now) {
  child_state child;
  child.policy = policy;
  child.since = now;
  if (stopping_) {
    child.now = phase::gone;
    children_.push_back(child);
    return {};
  }
  children_.push_back(child);
  return {{keeper_action::kind::start, children_.size() - 1, 0}};
}

keeper_machine::actions keeper_machine::exited(std::size_t child, steady_point now) {
  auto& c = children_.at(child);
  if (!alive(c)) return {};
  actions out;
  if (stopping_) {
    c.now = phase::gone;
    end_next_stage(now, out);
    return out;
  }
  c.deaths = now - c.since >= settings_.stable_after ? 1 : c.deaths + 1;
  c.pause = settings_.backoff_initial;
  for (int n = 1; n < c.deaths && c.pause < settings_.backoff_max; ++n) c.pause *= 2;
  c.pause = std::min(c.pause, settings_.backoff_max);
  c.now = phase::waiting;
  c.due = now + c.pause;
  return out;
}

keeper_machine::actions keeper_machine::tick(steady_point now) {
  actions out;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto& c = children_[i];
    if (now < c.due) continue;
    if (c.now == phase::waiting) {
      c.now = phase::running;
      c.since = now;
      c.pause = milliseconds{0};
      out.push_back({keeper_action::kind::start, i, 0});
    } else if (c.now == phase::asked) {
      c.now = phase::forced;
      c.due = now + settings_.forced_grace;
      out.push_back({keeper_action::kind::send_signal, i, c.policy.force_signal});
    } else if (c.now == phase::forced) {
      c.now = phase::killed;
      out.push_back({keeper_action::kind::send_signal, i, SIGKILL});
    }
  }
  return out;
}

keeper_machine::actions keeper_machine::stop(steady_point now) {
  actions out;
  if (stopping_) return out;
  stopping_ = true;
  for (auto& c : children_) {
    if (c.now == phase::waiting) c.now = phase::gone;
  }
  end_next_stage(now, out);
  return out;
}

keeper_machine::actions keeper_machine::stop_now(steady_point now) {
  stopping_ = true;
  actions out;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto& c = children_[i];
    if (c.now == phase::waiting) c.now = phase::gone;
    if (c.now != phase::running && c.now != phase::asked) continue;
    c.now = phase::forced;
    c.due = now + settings_.forced_grace;
    out.push_back({keeper_action::kind::send_signal, i, c.policy.force_signal});
  }
  return out;
}

void keeper_machine::end_next_stage(steady_point now, actions& out) {
  std::optional<int> highest;
  for (const auto& c : children_) {
    if (alive(c)) highest = std::max(highest.value_or(c.policy.stage), c.policy.stage);
  }
  for (std::size_t i = 0; i < children_.size(); ++i) {
    auto& c = children_[i];
    if (c.now != phase::running || c.policy.stage != highest) continue;
    c.now = phase::asked;
    c.due = now + c.policy.grace;
    out.push_back({keeper_action::kind::send_signal, i, c.policy.stop_signal});
  }
}

bool keeper_machine::stopped() const noexcept {
  return stopping_ && std::none_of(children_.begin(), children_.end(), alive);
}

std::optional<steady_point> keeper_machine::next_due() const {
  std::optional<steady_point> next;
  for (const auto& c : children_) {
    if (c.now != phase::waiting && c.now != phase::asked && c.now != phase::forced) continue;
    next = next ? std::min(*next, c.due) : c.due;
  }
  return next;
}

}  // namespace cadre::launch
