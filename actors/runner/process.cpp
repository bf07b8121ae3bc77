#include "actors/runner/process.hpp"

#include "actors/runner/process_loop.hpp"

#include <algorithm>

namespace cadre::actors {
namespace {

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

/// Why a spec can't be run, or nothing.
std::string defect_of(const process_spec& spec) {
  if (spec.argv.empty()) return "the command is empty";
  if (std::any_of(spec.argv.begin(), spec.argv.end(), has_nul)) return "an argument contains a NUL byte";
  for (const auto& [name, value] : spec.env)
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value))
      return "the environment variable \"" + name + "\" can't be passed on";
  for (const std::string& text : {spec.cwd, spec.company, spec.agent, spec.node, spec.run})
    if (has_nul(text)) return "the folder or a name contains a NUL byte";
  if (spec.open_files_max < 1 || spec.memory_bytes_max < 0) return "a limit is below its minimum";
  if (spec.timeout.count() < 0 || spec.grace.count() < 0) return "a duration is negative";
  return {};
}

}  // namespace

process_host::process_host(process_host_options options) : loop_{std::make_unique<loop>(std::move(options))} {}

process_host::~process_host() = default;

result<process_id> process_host::start(process_spec spec, process_callbacks callbacks) {
  if (const std::string defect = defect_of(spec); !defect.empty()) return fail(errc::bad_value, defect);
  return loop_->start(std::move(spec), std::move(callbacks));
}

void process_host::kill(process_id id, std::chrono::milliseconds grace) {
  loop_->kill(id, grace);
}

void process_host::pause(process_id id) {
  loop_->set_paused(id, true);
}

void process_host::resume(process_id id) {
  loop_->set_paused(id, false);
}

std::size_t process_host::running() const noexcept {
  return loop_->running();
}

}  // namespace cadre::actors
