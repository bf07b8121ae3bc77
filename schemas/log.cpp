#include "log.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

namespace cadre::log {

namespace {

spdlog::level::level_enum in_spdlog(level severity) {
  switch (severity) {
    case level::info:
      return spdlog::level::info;
    case level::warn:
      return spdlog::level::warn;
    case level::error:
      return spdlog::level::err;
  }
  return spdlog::level::critical;
}

}  // namespace

void write(level severity, fmt::string_view format, fmt::format_args values) noexcept {
  try {
    auto* out = spdlog::default_logger_raw();
    const auto as = in_spdlog(severity);
    if (out->should_log(as)) out->log(as, fmt::vformat(format, values));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "a line of the log is lost: %s\n", e.what());
  }
}

void turn_off() noexcept {
  spdlog::default_logger_raw()->set_level(spdlog::level::off);
}

}  // namespace cadre::log
