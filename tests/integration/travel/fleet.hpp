#pragma once

#include "actors/findings/watch_rules.hpp"
#include "config/company.hpp"
#include "schemas/finding.hpp"
#include "schemas/json.hpp"
#include "schemas/messages.hpp"
#include "simulation/timeline.hpp"
#include "storage/leadership.hpp"
#include "storage/read/reader.hpp"
#include "storage/writer_engine.hpp"
#include "virtual_database.hpp"

#include <fmt/core.h>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace cadre::travel {

using simulation::dice;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// The value; throws where the test can't go on without it.
template <class T>
T must(result<T> r, const char* what) {
  if (!r) throw std::runtime_error{std::string{what} + ": " + r.error().message};
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// What a test breaks on purpose, to see that the judge notices.
enum class sabotage {
  none,
  nobody_watches,   ///< Watchers say that they looked, and that all is well.
  no_findings,      ///< The leader does not look for findings.
  fires_forgotten,  ///< Who leads next finds the ledger without its last fire.
  fires_doubled,    ///< Who leads next adds the task of the last fire once more.
  fires_backdated,  ///< Who leads next says of the last fire that it was written after it was due.
  no_catch_up,      ///< Whoever leads fires nothing that was due while nobody did.
  no_due_audits,    ///< No verdict is due within a year.
  empty_brief,      ///< The page names no decision.
  early_alarm       ///< Watchers cry as soon as a fire is due.
};

/// A company in virtual time: the real engine writes it into the real database; everybody else is played. Nodes report
/// whenever the engine is asked anything, which stands for each second; agents take what they are granted, and end it
/// after a while; auditors give verdicts; watchers look; somebody who reads the inbox settles what was mended. Time
/// goes from one moment at which something is due to the next.
class fleet {
 public:
  fleet(config::company c, timestamp start, std::uint64_t seed, sabotage broken = sabotage::none);

  // Time -------------------------------------------------------------------------------------------------------
  using deed = std::function<void()>;
  [[nodiscard]] timestamp now() const { return now_; }
  void at(timestamp moment, deed what) { timeline_.emplace(std::max(moment, now_), std::move(what)); }
  void after(milliseconds delay, deed what) { at(now_ + delay, std::move(what)); }
  /// Lives until then.
  void run_until(timestamp end);

  // Faults -----------------------------------------------------------------------------------------------------
  /// The leader dies. Whoever leads next begins when `lead` is called.
  void lose_leader();
  void lead();
  /// It commits once more, and dies before it can tell anybody: what it granted is lost, and what it was asked for is
  /// sent again to the next.
  void swallow_next_answer() { swallow_ = true; }
  [[nodiscard]] bool led() const { return engine_ != nullptr; }
  /// The scheduler of this leader is stuck: nothing fires.
  void stick_scheduler(bool stuck) { scheduler_stuck_ = stuck; }
  /// What the leader's wall clock shows too much.
  void set_wall_ahead(milliseconds ahead) { wall_ahead_ = ahead; }
  /// The agent's process is gone or hangs, and nobody noticed: its row says that it runs. Its runs end never.
  void hang(const agent_path& agent);
  /// It is started anew, by its supervisor.
  void restart(const agent_path& agent);
  /// An auditor gives no verdicts, a watcher does not look.
  void silence(const agent_path& agent, bool silent);
  /// The worker succeeds, and brings no rows.
  void empty_handed(const agent_path& agent, bool empty);
  /// The worker's runs fail; the auditors find fault with its outputs.
  void fail_runs(const agent_path& agent, bool fails);
  void find_fault(const agent_path& worker, bool bad);

  // What is there ----------------------------------------------------------------------------------------------
  [[nodiscard]] const config::company& company() const { return company_; }
  virtual_database& db() { return db_; }
  dice& chance() { return dice_; }
  [[nodiscard]] bool idle(const agent_path& agent) const { return lives_.at(agent).held.empty(); }
  /// At the end of this moment the watchers look at their schedules, and the leader for findings. It happens by itself
  /// now and then; between two times they would see nothing else.
  void look_around() { look_at_ = now_; }
  /// The document of the page that the ceo would get now. Nothing is kept of it.
  nlohmann::json brief_now();
  /// Moments at which it did something.
  [[nodiscard]] std::size_t steps() const { return steps_; }
  /// What went against the rules on the way; empty if nothing did.
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  /// Runs that ended well, by task.
  [[nodiscard]] const std::map<task_id, int>& done() const { return done_; }
  /// Lines of what happened, if somebody wants to read them.
  void tell_story(bool on) { story_ = on; }
  template <class... Values>
  void note(fmt::format_string<Values...> format, Values&&... values) {
    if (story_) say(fmt::vformat(format, fmt::make_format_args(values...)));
  }
  /// Sends a command with the next commit.
  void send(command_body body, const std::string& from, epoch incarnation = 0);

 private:
  struct life {
    std::string node;
    epoch incarnation = 0;
    bool hung = false;
    bool silent = false;
    bool empty_handed = false;
    bool fails = false;
    bool faulty = false;
    std::set<run_id> held;
  };
  struct node {
    node_life_id life;
  };
  struct review {
    output_id output;
    agent_path worker;
  };

  void say(const std::string& line) const;
  void complain(const std::string& what);
  void step();
  [[nodiscard]] timestamp next_moment() const;
  void commit();
  void commit_all(std::vector<command> batch);
  std::string who_looks(const agent_path& watcher, const actors::watch_places& places);
  void watchers_look();
  void leader_looks();
  void write_brief(const brief_id& id);
  [[nodiscard]] std::string next_leader();
  [[nodiscard]] config::company rules_of_leader() const;
  void break_ledger();
  void add_reports(std::vector<command>& batch);
  void add_ticks(std::vector<command>& batch);
  void take(const storage::batch_result& made, const std::vector<command>& batch);
  void begin_run(const run_grant& grant);
  void end_run(const run_grant& grant);
  void review_output(const agent_path& auditor, const review& r);
  void see_event(const event& e);
  void start_agents();
  void start_agent(const agent_path& agent, const std::string& where);

  config::company company_;
  sabotage broken_;
  dice dice_;
  timestamp now_;
  virtual_database db_;
  node_life_id leader_life_ = new_id<node_life_id>();
  std::string leader_;      ///< The node that leads, or led last.
  std::size_t reigns_ = 0;  ///< The control nodes take turns.
  std::unique_ptr<storage::leadership> lead_;
  std::unique_ptr<storage::writer_engine> engine_;
  std::multimap<timestamp, deed> timeline_;
  std::map<std::string, node> nodes_;
  std::map<agent_path, life> lives_;
  std::map<agent_path, std::vector<review>> unseen_;  ///< Outputs that an auditor was silent about.
  std::vector<command> outbox_;
  std::map<command_id, agent_path> starting_;
  timestamp tick_at_;
  bool story_ = false;
  bool swallow_ = false;
  std::unique_ptr<storage::reader> reader_;
  actors::watch_rules rules_;
  timestamp look_at_;
  timestamp led_since_;
  std::map<std::string_view, timestamp> looked_at_;  ///< For which kind of finding.
  std::set<std::string_view> standing_;              ///< Kinds of which something stands.
  bool scheduler_stuck_ = false;
  milliseconds wall_ahead_{0};
  std::size_t steps_ = 0;
  std::map<task_id, int> done_;
  std::vector<std::string> complaints_;
};

}  // namespace cadre::travel
