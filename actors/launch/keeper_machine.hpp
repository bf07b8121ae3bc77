#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

/// The decisions of `cadre up` about its child processes: when to start one again, in which order and how firmly to end
/// them. Pure: events in, actions out; process_keeper performs the actions.
namespace cadre::launch {

using std::chrono::milliseconds;
using steady_point = std::chrono::steady_clock::time_point;

/// Waits and limits; the same for every child.
struct keeper_settings {
  milliseconds backoff_initial{200};  ///< Before the first restart; doubles with each death that follows soon.
  milliseconds backoff_max{10'000};
  milliseconds stable_after{10'000};  ///< A child that lived this long has its earlier deaths forgotten.
  milliseconds forced_grace{5'000};   ///< From the firm signal to SIGKILL.
};

/// How one child is ended.
struct child_policy {
  int stage = 0;               ///< Higher stages are ended first; the next one when all of a stage are gone.
  milliseconds grace{15'000};  ///< From the polite signal to the firm one.
  int stop_signal = 0;         ///< Polite.
  int force_signal = 0;        ///< Firm.
};

struct keeper_action {
  enum class kind : std::uint8_t { start, send_signal };
  kind what = kind::start;
  std::size_t child = 0;
  int signal = 0;  ///< Of send_signal.
  bool operator==(const keeper_action&) const = default;
};

class keeper_machine {
 public:
  using actions = std::vector<keeper_action>;

  explicit keeper_machine(keeper_settings settings = {}) : settings_(settings) {}

  /// A new child, started by the returned action. Its number counts from 0.
  actions add(const child_policy& policy, steady_point now);
  /// The child ended, or its start failed. While nothing is being stopped it is started again after a pause.
  actions exited(std::size_t child, steady_point now);
  /// Time passed: starts and firmer signals that are due.
  actions tick(steady_point now);
  /// Orderly end of everything, stage by stage. Repeated calls change nothing.
  actions stop(steady_point now);
  /// Firm signals to everyone at once.
  actions stop_now(steady_point now);

  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  /// Stopping, and no child is left.
  [[nodiscard]] bool stopped() const noexcept;
  /// When tick() has something to do next.
  [[nodiscard]] std::optional<steady_point> next_due() const;
  /// Deaths in a row, each soon after its start.
  [[nodiscard]] int deaths(std::size_t child) const { return children_.at(child).deaths; }
  /// The pause before the restart that is pending; 0 if none is.
  [[nodiscard]] milliseconds pause(std::size_t child) const { return children_.at(child).pause; }

 private:
  enum class phase : std::uint8_t { running, waiting, asked, forced, killed, gone };
  struct child_state {
    child_policy policy;
    phase now = phase::running;
    steady_point since;  ///< Of running.
    steady_point due;    ///< Of waiting, asked, forced.
    int deaths = 0;
    milliseconds pause{0};
  };

  [[nodiscard]] static bool alive(const child_state& c) noexcept {
    return c.now != phase::waiting && c.now != phase::gone;
  }
  void end_next_stage(steady_point now, actions& out);

  keeper_settings settings_;
  std::vector<child_state> children_;
  bool stopping_ = false;
};

}  // namespace cadre::launch
