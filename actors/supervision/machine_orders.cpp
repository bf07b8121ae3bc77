#include "machine.hpp"

#include <algorithm>
#include <utility>

/// What people and managers order of a supervisor at run time, and what they see of it.
namespace cadre::actors::supervision {

void machine::take(const on::order& e, steady_time) {
  using kind = on::order::kind;
  if (mode_ != mode::open) return answer(e, act::outcome::cancelled, {errc::cancelled, "the supervisor stops"});
  if (e.what == kind::add) return order_add(e);
  const bool not_for_pools = e.what == kind::start || e.what == kind::remove;
  if (pool_ && not_for_pools)
    return answer(e, act::outcome::refused, {errc::bad_value, "a dynamic supervisor only adds and terminates"});
  auto* c = find(e.id);
  if (c == nullptr || (is_over(*c) && e.what != kind::restart)) return answer(e, act::outcome::not_found);
  if (e.what == kind::start) return order_start(*c, e);
  if (e.what == kind::terminate) return order_terminate(*c, e);
  if (e.what == kind::remove) return order_remove(*c, e);
  if (e.what == kind::move) return order_move(*c);
  order_restart(*c, e);
}

void machine::order_start(child& c, const on::order& e) {
  const bool being_terminated = c.now == phase::stopping && c.after_stop == phase::stopped;
  if (being_terminated) {
    c.after_stop = phase::queued;
    c.if_no_start = phase::stopped;
    return expect(c, e);
  }
  if (c.now == phase::running || c.now == phase::stopping) return answer(e, act::outcome::running);
  const bool down = c.now == phase::idle || c.now == phase::stopped || c.now == phase::ended;
  if (!down && c.now != phase::quarantined) return answer(e, act::outcome::restarting);
  if (c.now == phase::quarantined) {
    forget(c);
    c.streak = 0;
  }
  c.if_no_start = c.now;
  ++c.generation;
  enter(c, in_group(c) ? phase::grouped : phase::queued);
  expect(c, e);
}

void machine::order_terminate(child& c, const on::order& e) {
  c.if_no_start.reset();
  const auto after = after_the_end(c, phase::stopped);
  if (is_alive(c)) {
    expect(c, e);
    return begin_stop(c, after);
  }
  if (c.now != phase::stopped) {
    enter(c, after);
    ++c.generation;
    report(c, agent_state::stopped, exit_reason::shutdown);
  }
  answer(e, act::outcome::ok);
}

void machine::order_move(child& c) {
  if (c.now == phase::running && !in_group(c)) begin_stop(c, phase::queued);
}

void machine::order_restart(child& c, const on::order& e) {
  forget(c);
  c.streak = 0;
  expect(c, e);
  if (c.now == phase::stopping && !in_group(c)) {
    c.after_stop = phase::queued;
  } else if (is_alive(c)) {
    if (!in_group(c)) begin_stop(c, phase::queued);
  } else if (c.now != phase::grouped) {
    ++c.generation;
    enter(c, in_group(c) ? phase::grouped : phase::queued);
  }
}

void machine::order_remove(child& c, const on::order& e) {
  if (c.now == phase::running || c.now == phase::stopping) return answer(e, act::outcome::running);
  const bool coming = c.now == phase::queued || c.now == phase::starting || c.now == phase::backoff ||
                      c.now == phase::grouped || c.now == phase::waiting;
  if (coming) return answer(e, act::outcome::restarting);
  enter(c, phase::gone);
  answer(e, act::outcome::ok);
}

void machine::order_add(const on::order& e) {
  if (pool_.has_value() == e.spec.has_value())
    return answer(e, act::outcome::refused,
                  {errc::bad_value, pool_ ? "a dynamic supervisor has its own spec" : "add: the spec is missing"});
  auto spec = pool_ ? *pool_ : *e.spec;
  if (pool_) spec.id = e.id;
  while (pool_ && (spec.id.empty() || (e.id.empty() && find(spec.id) != nullptr)))
    spec.id = {pool_->id.text + "." + std::to_string(++pool_ids_)};
  if (const auto ok = check_child(flags_, spec); !ok) return answer(e, act::outcome::refused, ok.error());
  if (auto* old = find(spec.id); old != nullptr) {
    if (!is_over(*old))
      return answer(e, is_alive(*old) ? act::outcome::already_started : act::outcome::already_present);
    enter(*old, phase::gone);
    sweep();
  }
  auto& added = children_.emplace_back();
  added.spec = std::move(spec);
  added.added = true;
  added.if_no_start = phase::gone;
  places_[&*added.spec] = index_of(added);
  expect(added, e);
  // The children of a pool know no order, so none waits for another's start.
  if (pool_) return begin_start(added, false);
  enter(added, in_group(added) ? phase::grouped : phase::queued);
}

void machine::answer(const on::order& e, act::outcome how, failure cause) {
  if (e.request != 0) out_.emplace_back(act::answer{e.request, how, e.id, std::move(cause)});
}

void machine::expect(child& c, const on::order& e) {
  if (e.request == 0) return;
  if (!c.asks) c.asks = std::make_unique<std::vector<ask>>();
  c.asks->push_back({e.request, e.what != on::order::kind::terminate});
  ++asks_;
}

void machine::settle() {
  if (asks_ == 0) return;
  for (auto& c : children_) {
    if (!c.asks || c.now == phase::stopping) continue;
    const bool runs = c.now == phase::running || c.now == phase::waiting;
    const bool to_run = c.now == phase::queued || c.now == phase::starting || c.now == phase::grouped;
    asks_ -= std::erase_if(*c.asks, [&](const ask& a) {
      if (a.start && to_run) return false;
      act::answer said{a.request, act::outcome::ok, c.spec->id, {}};
      if (a.start && !runs) {
        said.how = c.no_start ? act::outcome::failed : act::outcome::cancelled;
        said.cause = c.no_start ? *c.no_start : failure{errc::cancelled, "another order came between"};
      }
      out_.emplace_back(std::move(said));
      return true;
    });
    if (c.asks->empty()) c.asks.reset();
  }
}

void machine::sweep() {
  if (gone_ == 0) return;
  for (auto i = children_.size(); i-- > 0;) {
    if (children_[i].now != phase::gone) continue;
    if (group_ && i < group_->first) --group_->first;
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  index();
}

bool machine::is_over(const child& c) {
  return c.now == phase::gone || (c.spec->restart == restart_type::temporary && c.now == phase::ended);
}

std::vector<child_view> machine::which_children() const {
  std::vector<child_view> all;
  for (const auto& c : children_)
    if (!is_over(c)) all.push_back({c.spec->id, c.spec->branch, visible(c.now), c.restarts});
  return all;
}

child_count machine::count_children() const {
  child_count n;
  for (const auto& c : children_) {
    if (is_over(c)) continue;
    ++n.specs;
    if (c.now == phase::running || c.now == phase::stopping) ++n.active;
    ++(c.spec->branch ? n.supervisors : n.workers);
  }
  if (pool_) n.specs = 1;
  return n;
}

}  // namespace cadre::actors::supervision
