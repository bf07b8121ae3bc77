#pragma once

#include "actors/launch/files.hpp"
#include "actors/launch/keeper_machine.hpp"
#include "actors/launch/process.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Keeps the child processes of `cadre up` alive, and ends them in order.
namespace cadre::launch {

/// One child: how it is started (asked anew before every start) and ended.
struct child_spec {
  std::string name;  ///< For people and for pid_of(); unique.
  child_policy policy;
  std::function<result<program>()> make;
};

/// Takes SIGINT, SIGTERM, SIGHUP and SIGCHLD of the process while it exists: made before any other thread, in the
/// thread that will call step(). Children are spawned from that thread, because they are told to die with it.
///
/// SIGINT or SIGTERM once: everything is ended in order; twice: at once. A child that ends by itself is started again,
/// loudly. What a dead child left running is killed before it starts again: orphans come to this process, and those in
/// another session than its own are taken for leftovers. So nobody else in this process may start sessions meanwhile.
class process_keeper {
 public:
  /// `say` gets one line for people at a time, from the thread of step().
  process_keeper(keeper_settings settings, std::function<void(std::string_view)> say);
  /// Kills what still runs; in order is what stop() and step() are for.
  ~process_keeper();
  process_keeper(const process_keeper&) = delete;
  process_keeper& operator=(const process_keeper&) = delete;

  /// Starts it. A start that fails counts as a death: it is said, and tried again after a pause.
  void add(child_spec spec);

  /// Handles what happened; waits at most `wait` for something to happen, or until `wake_fd` (-1: none) is readable.
  void step(milliseconds wait, int wake_fd = -1);

  void stop();
  void stop_now();
  [[nodiscard]] bool stopping() const noexcept { return machine_.stopping(); }
  [[nodiscard]] bool stopped() const noexcept { return machine_.stopped(); }
  /// True if a second signal asked for an end at once.
  [[nodiscard]] bool hurried() const noexcept { return hurried_; }

  /// 0 while it does not run or is not known.
  [[nodiscard]] pid_t pid_of(const std::string& name) const;
  /// Deaths in a row (see keeper_machine).
  [[nodiscard]] int deaths_of(const std::string& name) const;
  /// Why it died last; empty if it never did.
  [[nodiscard]] std::string last_death_of(const std::string& name) const;

  /// Called after a child was started or ended.
  std::function<void()> on_change;
  /// Called for SIGHUP. None: it is ignored.
  std::function<void()> on_hangup;

 private:
  struct child {
    child_spec spec;
    pid_t pid = 0;
    std::string last_death;
  };

  void perform(const keeper_machine::actions& actions);
  void start(std::size_t index);
  void died(std::size_t index, const std::string& why);
  void take_signals();
  void reap();
  void kill_leftovers();
  [[nodiscard]] const child* find(const std::string& name) const;

  keeper_machine machine_;
  std::function<void(std::string_view)> say_;
  std::vector<child> children_;
  std::map<std::string, std::size_t> by_name_;
  sigset_t old_mask_{};
  descriptor signals_;
  bool hurried_ = false;
};

}  // namespace cadre::launch
