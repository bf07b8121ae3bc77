#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace sample {

/// A company without findings that the tests change at one place each.
inline constexpr std::string_view text = R"(company: acme
nodes:
  n1: {roles: [control, work]}
  n2: {roles: [work]}
fleet: {lease: 5s}
defaults: {timeout: 1m}
org:
  ceo:
    role: ceo
    brief: {cron: "@daily", watcher: ceo.ops.clock}
    reports:
      data:
        role: manager
        reports:
          ingest:
            role: worker
            run: {command: [sh]}
            outputs: {price: {key: [symbol]}}
          fetch:
            role: worker
            run: {command: [sh, -c, 'true']}
          audit:
            role: auditor
            audits: [ceo.data.ingest]
            checks: [{unique: [symbol]}]
      ops:
        role: manager
        reports:
          clock: {role: worker, run: {command: [sh]}}
schedules:
  hourly: {agent: ceo.data.ingest, cron: "7 * * * *", watcher: ceo.ops.clock}
)";

/// `from` with the only occurrence of `what` replaced.
inline std::string changed(std::string_view from, std::string_view what, std::string_view by) {
  const auto at = from.find(what);
  if (at == std::string_view::npos || from.find(what, at + 1) != std::string_view::npos)
    throw std::logic_error("not exactly once in the text: " + std::string(what));
  return std::string(from.substr(0, at)) + std::string(by) + std::string(from.substr(at + what.size()));
}

inline std::string changed(std::string_view what, std::string_view by) {
  return changed(text, what, by);
}

}  // namespace sample
