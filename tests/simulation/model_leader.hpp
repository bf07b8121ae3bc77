#pragma once

#include "model_database.hpp"
#include "model_rules.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <vector>

/// A node's candidacy, and the writer while it leads: leader_actor, writer_actor, storage/leadership and the engine's
/// transactions, over the model database.
namespace cadre::simulation {

class fleet;
class node_process;

class model_leader {
 public:
  using answer = std::function<void(std::vector<outcome>)>;

  model_leader(fleet& in, node_process& on) : fleet_{in}, node_{on} {}

  /// Stands for leader, from now on and again after each reign.
  void campaign();
  /// Ends the reign in order, or the candidacy.
  void resign();
  /// True while it takes commands from the bus, whether or not another leads by now.
  [[nodiscard]] bool listens() const { return listens_; }
  void take(std::vector<command> commands, answer reply);

 private:
  struct batch {
    std::vector<command> commands;
    answer reply;
  };
  using batches = std::vector<batch>;

  /// Calls it later, unless this reign or candidacy is over by then.
  void later(milliseconds delay, std::function<void()> what);
  void elected();
  void begin_reign();
  void end_reign(const char* why);
  void drop_session();
  void renew();
  void tick();
  void flush();
  void transact(batches taken, bool with_tick);
  void commit(const batches& taken, bool with_tick);
  bool commit_in_trouble(const batches& taken, bool with_tick);
  void lose(const batches& taken, const char* why);
  std::vector<std::vector<outcome>> apply(const batches& taken, bool with_tick);
  void answer_all(const batches& taken, outcome_status status, errc code);
  void hand_out();

  fleet& fleet_;
  node_process& node_;
  session_id session_ = 0;
  epoch reign_ = 0;
  std::uint64_t generation_ = 0;
  bool listens_ = false;
  bool busy_ = false;  ///< A transaction is under way.
  bool tick_due_ = false;
  std::deque<batch> waiting_;
  std::optional<model_rules> rules_;
};

}  // namespace cadre::simulation
