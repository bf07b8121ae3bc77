#pragma once

#include <chrono>
#include <cstdint>
#include <string>

/// How far a long command is: a line on stderr that is drawn anew on a terminal, a line now and then elsewhere.
namespace cadre::cli {

/// `1234567` as `1,234,567`.
std::string with_commas(std::int64_t n);

struct progress_state {
  std::int64_t done = 0;
  std::int64_t total = 0;                ///< 0: not known.
  std::chrono::milliseconds elapsed{0};  ///< Since the first was begun.
};

/// `[######..............]  30 %  600/2,000 lines  300/s  0:05 left`; without a total `600 lines  300/s`.
std::string progress_text(const progress_state& state, const std::string& unit);

/// Writes `progress_text` to stderr. Not thread safe; does not block, but for stderr itself.
class progress_meter {
 public:
  /// `quiet`: says nothing at all. `total` 0: not known.
  progress_meter(std::string unit, std::int64_t total, bool quiet);
  ~progress_meter();
  progress_meter(const progress_meter&) = delete;
  progress_meter& operator=(const progress_meter&) = delete;

  /// Says how far it is, if it did not do so a moment ago: 100 ms on a terminal, 5 s elsewhere.
  void at(std::int64_t done);
  /// Takes the line off the terminal, so that other text may follow; the next `at` draws it again.
  void clear();

 private:
  using clock = std::chrono::steady_clock;

  std::string unit_;
  std::int64_t total_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  clock::time_point began_;
  clock::time_point said_;
};

}  // namespace cadre::cli
