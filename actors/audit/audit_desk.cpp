#include "audit_desk.hpp"

#include "actors/audit/audit_reader.hpp"

#include <algorithm>
#include <chrono>

namespace cadre::actors {

namespace {

using desk = caf::stateful_actor<audit_desk_state>;

/// Longer than all that a reader does is bounded by.
constexpr std::chrono::minutes reader_time_max{10};

struct place {
  std::string reader_url, company;
};

caf::actor take_reader(desk* self, const place& p) {
  auto& s = self->state;
  if (s.idle.empty()) {
    s.all.push_back(self->spawn<caf::detached>(audit_reader, p.reader_url, p.company));
    return s.all.back();
  }
  auto reader = s.idle.back();
  s.idle.pop_back();
  return reader;
}

void ask_next(desk* self, const place& p) {
  auto& s = self->state;
  while (const auto turn = s.turns.next()) {
    auto asked = std::move(s.waiting.extract(*turn).mapped());
    const auto reader = take_reader(self, p);
    self->request(reader, reader_time_max, std::move(asked.order))
        .then(
            [=](audit_material& material) mutable {
              self->state.idle.push_back(reader);
              self->state.turns.done(*turn);
              asked.answer.deliver(std::move(material));
              ask_next(self, p);
            },
            [=](const caf::error&) mutable {
              auto& all = self->state.all;
              all.erase(std::remove(all.begin(), all.end(), reader), all.end());
              self->send_exit(reader, caf::exit_reason::kill);
              self->state.turns.done(*turn);
              audit_material none;
              none.error = {errc::unreachable, "the reader of staged rows gave no answer"};
              asked.answer.deliver(std::move(none));
              ask_next(self, p);
            });
  }
}

}  // namespace

caf::behavior audit_desk(desk* self, std::string reader_url, std::string company) {
  self->set_exit_handler([self](const caf::exit_msg& m) {
    for (const auto& reader : self->state.all) self->send_exit(reader, m.reason);
    self->quit(m.reason);
  });
  return {
      [self, p = place{std::move(reader_url), std::move(company)}](
          audit_order& order) -> caf::typed_response_promise<audit_material> {
        auto answer = self->make_response_promise<audit_material>();
        const auto turn = self->state.turns.add(order.auditor);
        self->state.waiting.emplace(turn, audit_desk_state::question{std::move(order), answer});
        ask_next(self, p);
        return answer;
      },
  };
}

}  // namespace cadre::actors
