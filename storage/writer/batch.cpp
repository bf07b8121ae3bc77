#include "storage/writer/batch.hpp"

#include "schemas/log.hpp"
#include "storage/writer/handlers.hpp"

#include <optional>

namespace cadre::storage::writer {

namespace {

struct range {
  std::size_t from, to;
  [[nodiscard]] std::size_t size() const { return to - from; }
};

struct batch {
  unit& u;
  const std::vector<command>& commands;
  std::vector<outcome>& outcomes;
  bool isolated = false;  ///< A part may be taken back.

  void answer(std::size_t i, const result<applied>& a) const {
    auto& o = outcomes[i];
    o = {};
    o.command = commands[i].id;
    o.status = a ? outcome_status::committed : outcome_status::rejected;
    if (a) {
      o.value = a->value;
      o.ref = a->ref;
    } else {
      o.error = a.error();
    }
  }

  /// Applies the commands of one kind as one statement.
  template <class Body>
  void apply_kind(range r) const {
    std::vector<const command*> same;
    std::vector<std::size_t> places;
    for (auto i = r.from; i < r.to; ++i) {
      if (!std::holds_alternative<Body>(commands[i].body)) continue;
      if (auto fresh = check_incarnation(u, commands[i]); !fresh) {
        answer(i, tl::unexpected{fresh.error()});
        continue;
      }
      same.push_back(&commands[i]);
      places.push_back(i);
    }
    if (same.empty()) return;
    const auto answers = apply_all(u, same, static_cast<const Body*>(nullptr));
    for (std::size_t k = 0; k < places.size(); ++k) answer(places[k], answers[k]);
  }

  std::size_t apply_one(std::size_t i) const {
    const auto& c = commands[i];
    if (auto fresh = check_incarnation(u, c); !fresh) {
      answer(i, tl::unexpected{fresh.error()});
      return i + 1;
    }
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { apply(u, c, body); }) answer(i, apply(u, c, body));
        },
        c.body);
    return i + 1;
  }

  /// Kinds of which many come, from many senders: neighbours of these may change places, since an output comes before
  /// the end of its run, and a journal is independent of both. What a new task is depends on the run that adds it, but
  /// no run ends, well or badly, before its agent has heard that the tasks it adds are there
  /// (actors/agent/run_machine).
  [[nodiscard]] static bool is_bulk(const command& c) {
    return std::holds_alternative<task_add>(c.body) || std::holds_alternative<journal_add>(c.body) ||
           std::holds_alternative<output_add>(c.body) || std::holds_alternative<run_complete>(c.body);
  }

  void apply_range(range r) const {
    for (auto i = r.from; i < r.to;) {
      if (!is_bulk(commands[i])) {
        i = apply_one(i);
        continue;
      }
      auto end = i;
      while (end < r.to && is_bulk(commands[end])) ++end;
      for (auto k = i; k < end; ++k)
        if (std::holds_alternative<output_add>(commands[k].body)) apply_one(k);
      apply_kind<journal_add>({i, end});
      apply_kind<run_complete>({i, end});
      u.may_begin_at_once = !isolated && end == commands.size();
      apply_kind<task_add>({i, end});
      u.may_begin_at_once = false;
      i = end;
    }
  }
};

/// Runs `body` within a savepoint. A refusal takes back all of it and is returned; other trouble is thrown.
template <class Body>
std::optional<failure> within_savepoint(unit& u, Body&& body) {
  const auto mark = u.here();
  u.db.script("SAVEPOINT command");
  std::optional<failure> refused;
  try {
    body();
    u.db.script("RELEASE SAVEPOINT command");
    return std::nullopt;
  } catch (const rejection& e) {
    refused = e.error;
  } catch (const pg::bad_text& e) {
    refused = failure{errc::bad_value, e.message};
  } catch (const std::exception&) {
    auto d = pg::diagnose(u.db);
    if (d.kind != pg::trouble::refused) throw;
    refused = std::move(d.error);
  }
  u.db.abandon();
  u.db.script("ROLLBACK TO SAVEPOINT command; RELEASE SAVEPOINT command");
  u.back_to(mark);
  return refused;
}

void isolate(const batch& b, range r) {
  if (r.size() == 0) return;
  const auto refused = within_savepoint(b.u, [&] { b.apply_range(r); });
  if (!refused) return;
  if (r.size() == 1) return b.answer(r.from, tl::unexpected{*refused});
  const auto middle = r.from + r.size() / 2;
  isolate(b, {r.from, middle});
  isolate(b, {middle, r.to});
}

}  // namespace

void apply_together(unit& u, const std::vector<command>& commands, std::vector<outcome>& outcomes) {
  batch{u, commands, outcomes}.apply_range({0, commands.size()});
}

void apply_isolated(unit& u, const std::vector<command>& commands, std::vector<outcome>& outcomes) {
  isolate(batch{u, commands, outcomes, true}, {0, commands.size()});
}

void grant_safely(unit& u, bool protect) {
  if (!protect) return grant_runs(u);
  if (const auto refused = within_savepoint(u, [&] { grant_runs(u); }))
    log::error("company {}: no work was granted: {}", u.company(), refused->message);
}

}  // namespace cadre::storage::writer
