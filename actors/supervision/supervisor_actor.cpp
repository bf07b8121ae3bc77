#include "supervisor_actor.hpp"

#include "exits.hpp"

#include <caf/exit_reason.hpp>
#include <caf/message_priority.hpp>

#include <random>
#include <utility>

namespace cadre::actors::supervision {

namespace {

using actor_pointer = caf::stateful_actor<supervisor_state>*;

struct performer {
  actor_pointer self;

  void operator()(const act::start& a) { self->state.launcher->start(*self->state.decide->spec_of(a.id)); }
  void operator()(const act::stop& a) { self->state.launcher->stop(*self->state.decide->spec_of(a.id)); }
  void operator()(const act::timer& a) {
    self->delayed_send(self, a.delay, supervisor_input{on::timer{a.id, a.generation}});
  }
  void operator()(const act::answer& a) {
    auto asked = self->state.orders.extract(a.request);
    if (!asked.empty()) asked.mapped().deliver(child_answer{a});
  }
  void operator()(const act::report& a) { self->state.launcher->report(a); }
  void operator()(const act::up&) {
    self->state.up = true;
    for (auto& asked : std::exchange(self->state.asked_ready, {})) asked.deliver(true);
  }
  void operator()(const act::give_up& a) { self->quit(to_error(a.cause)); }
  void operator()(const act::finished& a) {
    if (a.reason == exit_reason::normal)
      self->quit();
    else
      self->quit(caf::exit_reason::user_shutdown);
  }
};

void feed(actor_pointer self, const on::event& e) {
  performer perform{self};
  for (const auto& a : self->state.decide->handle(e, self->clock().now())) std::visit(perform, a);
}

}  // namespace

caf::behavior supervisor_actor(caf::stateful_actor<supervisor_state>* self, supervisor_config cfg) {
  keep_exception_text(self);
  log_unexpected(self);
  if (const auto ok = check(cfg.flags, cfg.children, cfg.members); !ok) {
    self->quit(to_error(ok.error()));
    return {};
  }
  self->state.launcher = std::move(cfg.launcher);
  auto jitter = [engine = std::mt19937_64{cfg.seed}]() mutable {
    return std::uniform_real_distribution<double>{0.0, 1.0}(engine);
  };
  self->state.decide.emplace(cfg.flags, std::move(cfg.children), std::move(jitter), std::move(cfg.members));
  self->set_exit_handler([self](const caf::exit_msg& m) {
    const auto why = m.reason ? exit_reason::shutdown : exit_reason::normal;
    feed(self, on::stop{why});
  });
  feed(self, on::start{});
  return {
      [self](const supervisor_input& in) { feed(self, in.event); },
      [self](const child_order& in) -> caf::result<child_answer> {
        auto order = in.order;
        order.request = ++self->state.last_order;
        auto promise = self->make_response_promise();
        self->state.orders.emplace(order.request, promise);
        feed(self, order);
        return promise;
      },
      [self](const children_query&) {
        return children_answer{self->state.decide->which_children(), self->state.decide->count_children()};
      },
      [self](ready_atom) -> caf::result<bool> {
        if (self->state.up) return true;
        auto promise = self->make_response_promise();
        self->state.asked_ready.push_back(promise);
        return promise;
      },
  };
}

}  // namespace cadre::actors::supervision
