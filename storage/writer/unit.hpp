#pragma once

#include "schemas/json.hpp"
#include "storage/pg/session.hpp"
#include "storage/writer/memory.hpp"
#include "storage/writer_engine.hpp"

#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

/// One transaction of the writer, from inside.
namespace cadre::storage::writer {

/// Thrown where a command turns out to be refused after something was written for it: the savepoint takes it back.
struct rejection {
  failure error;
};

/// A raise of a problem that is known, open or settled as it was raised: counted in memory until `write_repeats`.
struct counted_raise {
  escalation_id problem;
  escalation_id raise;
  severity level = severity::info;
  std::string cause;
  std::string by;
  nlohmann::json folded;  ///< What an `and_more` is to list of it; null: nothing.
  bool worse = false;     ///< Than any before.
};

/// Thrown where a search was given up because it took too long. Nothing was written before it.
struct too_slow {};

/// Everything that a command's handler works with. Changes of memory are undone with the statements they belong to.
class unit {
 public:
  unit(pg::session& session, memory& m, const engine_options& o, std::mt19937_64& r, timestamp t)
      : db{session}, mem{m}, options{o}, random{r}, now{t} {}

  pg::session& db;
  memory& mem;
  const engine_options& options;
  std::mt19937_64& random;
  const timestamp now;  ///< The same for all of the transaction.

  /// Nothing of this transaction comes after the tasks that it adds, but for grants: they may begin as they are added.
  bool may_begin_at_once = false;
  /// Asks after each statement what came of it. Otherwise all is sent as if it came out as expected, and the server
  /// refuses the transaction where it did not.
  bool careful = true;

  std::vector<event> events;  ///< Numbered when they are written, just before COMMIT.
  std::vector<run_grant> grants;
  std::vector<run_revoke> revokes;
  std::vector<life_replaced> replaced;
  std::vector<brief_id> briefs;  ///< The leader has to write them.
  std::vector<run_id> runs_begun;
  std::vector<task_id> complete;  ///< Tasks that others may have waited for.
  std::vector<counted_raise> repeats;
  std::size_t repeats_written = 0;  ///< So many of them, the first, are in the database.

  [[nodiscard]] const std::string& company() const noexcept { return mem.company.name; }
  /// Of a new task: later than any before, so that tasks of one transaction keep their order.
  [[nodiscard]] timestamp next_created();
  [[nodiscard]] double chance() { return std::uniform_real_distribution<double>{0.0, 1.0}(random); }

  void tell(std::string subject, std::string what, const nlohmann::json& data);
  /// The same of a document that is written already.
  void tell(std::string subject, std::string what, json_text data);
  void revoke(const run_id& run, const agent_path& agent, const std::string& reason);
  /// Tells the agent's lives of an epoch before `first_kept` that they are over.
  void end_lives_before(const agent_path& agent, epoch first_kept);

  /// Changes a value in memory; the old one comes back if the statements are rolled back. The place must outlive the
  /// transaction: a member of `memory` or an element of one of its maps that nothing erases meanwhile.
  template <class T, class U>
  void set(T& place, U&& value) {
    undo_.push_back([&place, old = place] { place = old; });
    place = std::forward<U>(value);
  }
  /// Adds a run that this transaction made.
  void begin_run(const active_run& run);
  /// Replaces what is known of a run.
  void remember_run(const active_run& run);
  void forget_run(const run_id& run);
  void on_rollback(std::function<void()> back) { undo_.push_back(std::move(back)); }

  struct mark {
    std::size_t events, grants, revokes, replaced, briefs, runs_begun, undo, repeats, repeats_written;
  };
  [[nodiscard]] mark here() const {
    return {events.size(),     grants.size(), revokes.size(), replaced.size(), briefs.size(),
            runs_begun.size(), undo_.size(),  repeats.size(), repeats_written};
  }
  /// Takes back what was done since, but for the statements.
  void back_to(const mark& m);

 private:
  std::vector<std::function<void()>> undo_;
};

/// JSON text of a document; bytes that are not UTF-8 are replaced, never thrown about.
std::string dump(const nlohmann::json& document);
/// A text as JSON has it, in quotes.
std::string dump_text(std::string_view text);

/// Parsed JSON; `null` for what is none.
nlohmann::json parse_or_null(const std::string& text);

/// What a handler answers: the value and reference of the outcome.
struct applied {
  std::int64_t value = 0;
  std::string ref;
};

}  // namespace cadre::storage::writer
