#pragma once

#include "actors/local_messages.hpp"
#include "support/deterministic.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>

#include <map>
#include <string>
#include <vector>

namespace cadre::test {

inline outcome answered(const command_id& id, outcome_status status, failure error = {}, std::int64_t value = 0) {
  outcome o;
  o.command = id;
  o.status = status;
  o.error = std::move(error);
  o.value = value;
  return o;
}

/// Stands for the command client: keeps what it was asked, and answers with the outcome that it is sent.
struct desk {
  std::vector<command> got;
  std::map<command_id, caf::response_promise> open;

  template <class Body>
  const Body& body(std::size_t n) const {
    return std::get<Body>(got.at(n).body);
  }
};

inline caf::behavior desk_actor(caf::event_based_actor* self, desk* d) {
  return {
      [=](command& c) -> caf::result<outcome> {
        auto promise = self->make_response_promise();
        d->open[c.id] = promise;
        d->got.push_back(std::move(c));
        return promise;
      },
      [=](outcome& o) {
        const auto asked = d->open.extract(o.command);
        BOOST_REQUIRE_MESSAGE(!asked.empty(), "nobody waits for " + o.command.text);
        auto promise = asked.mapped();
        promise.deliver(std::move(o));
      },
  };
}

/// A system with a desk, in which commands are answered one by one.
struct desk_fixture : deterministic {
  desk_fixture() : commands{sys.spawn(desk_actor, &d)} { at_end(commands); }
  ~desk_fixture() {
    end();
    d.open.clear();
  }

  void answer(std::size_t n, outcome_status status, failure error = {}, std::int64_t value = 0) {
    caf::anon_send(commands, answered(d.got.at(n).id, status, std::move(error), value));
    run();
  }
  void commit(std::size_t n, std::int64_t value = 0) { answer(n, outcome_status::committed, {}, value); }

  desk d;
  caf::actor commands;
};

}  // namespace cadre::test
