#pragma once

#include <fmt/core.h>
#include <string_view>

/// The log of a process: one line per call to spdlog's default logger, which decides where lines go and how they look.
/// Rooms log through these functions: a call from spdlog's own headers would compile the formatter into every file
/// anew.
namespace cadre::log {

enum class level { info, warn, error };

/// Writes one line. Never throws; blocks no longer than the sink. Safe on every thread.
void write(level severity, fmt::string_view format, fmt::format_args values) noexcept;

/// Nothing is written from here on: for a command whose output is for people.
void turn_off() noexcept;

/// `format` is checked against `values` while compiling, as in std::format.
template <class... Values>
void info(fmt::format_string<Values...> format, Values&&... values) {
  write(level::info, format, fmt::make_format_args(values...));
}

template <class... Values>
void warn(fmt::format_string<Values...> format, Values&&... values) {
  write(level::warn, format, fmt::make_format_args(values...));
}

template <class... Values>
void error(fmt::format_string<Values...> format, Values&&... values) {
  write(level::error, format, fmt::make_format_args(values...));
}

}  // namespace cadre::log
