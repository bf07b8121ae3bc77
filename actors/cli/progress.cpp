#include "progress.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace cadre::cli {

namespace {

constexpr std::int64_t bar_chars = 20;
constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::milliseconds line_interval{5'000};

std::string two_digits(std::int64_t n) {
  return (n < 10 ? "0" : "") + std::to_string(n);
}

/// `0:05`, `12:30`, `1:02:03`.
std::string span_text(std::int64_t seconds) {
  const auto minutes = seconds / 60;
  if (minutes < 60) return std::to_string(minutes) + ":" + two_digits(seconds % 60);
  return std::to_string(minutes / 60) + ":" + two_digits(minutes % 60) + ":" + two_digits(seconds % 60);
}

}  // namespace

std::string with_commas(std::int64_t n) {
  auto text = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string progress_text(const progress_state& s, const std::string& unit) {
  const auto ms = s.elapsed.count();
  const auto rate = ms > 0 ? s.done * 1000 / ms : 0;
  const auto speed = "  " + with_commas(rate) + "/s";
  if (s.total <= 0) return with_commas(s.done) + " " + unit + speed;
  const auto done = std::min(s.done, s.total);
  const auto full = static_cast<std::size_t>(done * bar_chars / s.total);
  const auto percent = std::to_string(done * 100 / s.total);
  std::string text = "[" + std::string(full, '#') + std::string(bar_chars - full, '.') + "] " +
                     std::string(3 - percent.size(), ' ') + percent + " %  " + with_commas(done) + "/" +
                     with_commas(s.total) + " " + unit + speed;
  if (done > 0 && done < s.total) {
    const auto left_ms = static_cast<double>(ms) * static_cast<double>(s.total - done) / static_cast<double>(done);
    text += "  " + span_text(static_cast<std::int64_t>(left_ms / 1000 + 0.5)) + " left";
  }
  return text;
}

progress_meter::progress_meter(std::string unit, std::int64_t total, bool quiet)
    : unit_{std::move(unit)},
      total_{total},
      quiet_{quiet},
      terminal_{isatty(STDERR_FILENO) != 0},
      began_{clock::now()},
      said_{began_} {}

progress_meter::~progress_meter() {
  clear();
}

void progress_meter::at(std::int64_t done) {
  const auto now = clock::now();
  if (quiet_ || now - said_ < (terminal_ ? terminal_interval : line_interval)) return;
  said_ = now;
  const auto text =
      progress_text({done, total_, std::chrono::duration_cast<std::chrono::milliseconds>(now - began_)}, unit_);
  if (terminal_) {
    std::cerr << "\r" << text << "\x1b[K" << std::flush;
    drawn_ = true;
  } else {
    std::cerr << text << std::endl;
  }
}

void progress_meter::clear() {
  if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace cadre::cli
