#pragma once

#include "schemas/error.hpp"
#include "wire.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// Where programs come for the runs of one agent's life: who is attached, who waits for a run, who has which, and who
/// was not heard from for too long. A pure state machine: calls, grants, ends of runs and the time go in, answers and
/// orders to the agent come out. What a run says, and what becomes of it, is the run machine's.
namespace cadre::actors {

struct desk_options {
  attachment offer;  ///< What `attach` tells; its session is filled in.
  epoch life = 0;    ///< Of the agent; the sessions of another life are unknown here.
  std::size_t programs_max = 16;
  std::chrono::milliseconds timeout{0};  ///< Of a run, from when it is handed out.
};

class program_desk {
 public:
  using moment = std::chrono::steady_clock::time_point;

  /// Send this text to `to`.
  struct answer {
    std::string to, text;
  };
  /// Send the request of this run to `to`. The same again for a claim that was repeated.
  struct hand_out {
    std::string to;
    run_id run;
  };
  /// Give these lines to the run; say on_refused if it did not take them, on_durable once all it said is committed.
  struct take_lines {
    run_id run;
    std::string lines;
  };
  /// No program works on this run any more: it has failed so.
  struct give_up {
    run_id run;
    failure why;
  };
  using action = std::variant<answer, hand_out, take_lines, give_up>;
  using actions = std::vector<action>;

  explicit program_desk(desk_options options) : options_{std::move(options)} {}

  /// A program asks; `to` is where it waits for the answer. Each call is answered at once, or by a later step: at the
  /// latest when its time is over (a claim), or when the run's lines are durable or its end is (a report).
  actions on_call(const program_call& call, const std::string& to, moment now);
  /// The writer granted a run: it goes to who waits longest, or waits for a claim itself.
  actions on_grant(const run_id& run, moment now);
  /// The run did not take the lines of its report: nothing of them counts, and its number is free again.
  actions on_refused(const run_id& run, const failure& why, moment now);
  /// All that the run has said is durable, and it goes on.
  actions on_durable(const run_id& run, moment now);
  /// The run is over, and that is durable. `why` is none if it is complete.
  actions on_over(const run_id& run, const failure& why, moment now);
  /// Time has passed.
  actions on_time(moment now);
  /// The agent takes nothing more: all claims end with an error that says to attach again.
  actions close();

  /// When on_time has something to do next.
  [[nodiscard]] std::optional<moment> next_due() const;
  /// Runs that could be handed out at once.
  [[nodiscard]] std::size_t wanted() const;

 private:
  struct claim {
    std::string to;
    moment since, until;
  };
  struct session {
    std::string name;
    moment since, heard;
    std::int64_t claim_seq = 0;
    std::optional<claim> waits;
    run_id claimed;  ///< What the claim of `claim_seq` got; empty if nothing.
  };
  struct report {
    std::int64_t seq = 0;
    std::vector<std::string> to;
  };
  struct handed {
    std::string session;        ///< Empty: no program has it yet.
    moment since, named;        ///< Granted or handed out; last named by its program.
    std::int64_t reported = 0;  ///< The last report that is durable.
    std::optional<report> open;
    bool given_up = false;
  };
  /// A run that is over, kept to answer what is repeated or comes late.
  struct past {
    run_id run;
    std::string session;
    std::int64_t reported = 0;
    failure why;
  };

  void attach(actions& out, const attach_call& call, const std::string& to, moment now);
  void ask(actions& out, const claim_call& call, const std::string& to, moment now);
  void take(actions& out, const report_call& call, const std::string& to, moment now);
  void beat(actions& out, const heartbeat_call& call, const std::string& to, moment now);
  void leave(actions& out, const detach_call& call, const std::string& to);
  void show(actions& out, const std::string& to, moment now) const;
  session* find(actions& out, const std::string& id, const std::string& to, moment now);
  void give(actions& out, const run_id& run, const std::string& to_session, moment now);
  void drop_session(actions& out, const std::string& id, const std::string& why);
  void drop_run(actions& out, const run_id& run, failure why);
  void answer_report(actions& out, handed& run, const std::string& text);
  [[nodiscard]] bool owed(const std::string& id) const;
  [[nodiscard]] const past* find_past(const run_id& run) const;
  [[nodiscard]] stopped_run stopped(const run_id& run, const std::string& asker) const;

  desk_options options_;
  std::map<std::string, session> sessions_;
  std::map<run_id, handed> runs_;
  std::deque<past> past_;
};

}  // namespace cadre::actors
