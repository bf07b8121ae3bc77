#pragma once

#include <chrono>
#include <cstdint>
#include <fmt/core.h>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

/// The ground of the simulation: chance, time and the record of what happened, all from one seed.
namespace cadre::simulation {

using std::chrono::milliseconds;
using time_point = std::chrono::steady_clock::time_point;

/// The seed's random stream. The same on every machine: the standard's engine, without its distributions.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_{seed} {}

  /// From `low` to `high`, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  milliseconds time(std::int64_t low_ms, std::int64_t high_ms) { return milliseconds{between(low_ms, high_ms)}; }
  bool chance(double share) { return static_cast<double>(engine_() >> 11) * 0x1.0p-53 < share; }
  template <class Items>
  auto& pick(Items& items) {
    return items[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(items.size()) - 1))];
  }
  std::uint64_t seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

/// Virtual time: what is to happen, in order of its moment, and in order of its entry within one.
class timeline {
 public:
  using deed = std::function<void()>;

  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::int64_t ms() const { return std::chrono::duration_cast<milliseconds>(now_ - start).count(); }
  void at(time_point moment, deed what) { queue_.emplace(moment, std::move(what)); }
  void after(milliseconds delay, deed what) { at(now_ + delay, std::move(what)); }
  [[nodiscard]] time_point next() const { return queue_.empty() ? time_point::max() : queue_.begin()->first; }
  void advance_to(time_point t) { now_ = t; }
  /// Does the first thing that is due now. False: nothing is.
  bool do_one() {
    if (queue_.empty() || queue_.begin()->first > now_) return false;
    auto due = queue_.extract(queue_.begin());
    due.mapped()();
    return true;
  }
  void clear() { queue_.clear(); }

  static constexpr time_point start{std::chrono::hours{1}};

 private:
  time_point now_ = start;
  std::multimap<time_point, deed> queue_;
};

/// What happened, line by line; empty unless a seed is replayed.
class chronicle {
 public:
  chronicle(const timeline& time, bool on) : time_{time}, on_{on} {}

  template <class... Values>
  void note(fmt::format_string<Values...> format, Values&&... values) {
    if (on_)
      lines_.push_back(fmt::format("{:>7} ms  ", time_.ms()) + fmt::vformat(format, fmt::make_format_args(values...)));
  }
  [[nodiscard]] bool traced() const { return on_; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  const timeline& time_;
  bool on_;
  std::vector<std::string> lines_;
};

}  // namespace cadre::simulation
