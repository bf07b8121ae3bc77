#pragma once

#include "actors/runner/child.hpp"
#include "actors/runner/claim.hpp"
#include "actors/runner/kin.hpp"
#include "actors/runner/process.hpp"
#include "actors/runner/scratch.hpp"
#include "actors/runner/spawn.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cadre::actors {

/// The thread of a process_host and what only that thread touches. Not for use by others.
class process_host::loop {
 public:
  explicit loop(process_host_options options);
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;
  ~loop();

  result<process_id> start(process_spec spec, process_callbacks callbacks);
  void kill(process_id id, std::chrono::milliseconds grace);
  void set_paused(process_id id, bool paused);
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  enum class source : std::uint64_t { out, err, in, leader };

  struct child {
    process_id id;
    process_callbacks callbacks;
    child_end end;
    spawned os;
    std::string scratch;
    std::uint64_t start_ticks = 0;  ///< Of the leader; 0 until its kin are looked for.
    bool kin_seen = false;          ///< The last check found a living process of it.
    std::string stdin_text;
    std::size_t stdin_sent = 0;
    std::string stderr_tail;
    exit_info info;
    int wait_status = 0;
    bool paused = false;
    bool out_watched = false;
    /// Once the group is dead: bytes that it left in the stdout pipe.
    std::int64_t stdout_left = 0;
    bool settled = false;

    /// Its stdout is not to be read for now.
    [[nodiscard]] bool held() const noexcept { return paused && !end.stopped_by_caller(); }
  };

  void give(std::function<void()> order);
  void wake();
  void run();
  void take_orders();
  int wait_ms() const;
  void handle(std::uint64_t tag);
  void advance_children();

  void begin(process_id id, process_spec spec, process_callbacks callbacks);
  result<spawned> try_spawn(const process_spec& spec, const std::string& scratch) const;
  void perform(child& c, child_action action);
  static void note_start(child& c);
  kin_finder::kin kin_of(child& c);
  std::vector<run_kin> runs() const;
  void look_at_kin();
  void watch(child& c, source what, int fd, std::uint32_t events);
  void watch_stdout(child& c);
  void write_stdin(child& c);
  bool read_stdout(child& c);
  void read_stderr(child& c);
  void reap(child& c);
  void settle(child& c);

  std::size_t processes_max_;
  base_claim claim_;  ///< Before the scratch space, which empties the base.
  scratch_space scratch_;
  kin_finder kin_;
  steady_time kin_looked_at_{};
  unique_fd epoll_;
  unique_fd wake_;
  std::atomic<std::size_t> running_{0};
  std::atomic<std::uint64_t> next_id_{1};
  std::map<process_id, child> children_;
  std::vector<char> buffer_;
  std::mutex mutex_;
  std::vector<std::function<void()>> orders_;  ///< Guarded by mutex_.
  bool stopping_ = false;                      ///< Guarded by mutex_.
  std::thread thread_;
};

}  // namespace cadre::actors
