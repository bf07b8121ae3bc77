#pragma once

#include "actors/local_messages.hpp"
#include "agent_services.hpp"

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <string>
#include <utility>

namespace cadre::actors {

/// Orders the OS process of an agent's command, as its config says, with `stdin_text` on its stdin. What it does comes
/// to `owner` as `run_stdout` and `run_exited` under `run`; a dead owner is not kept alive for it. Errors: those of
/// process_host::start.
inline result<process_id> start_agent_process(const agent_services& services, const config::agent& spec,
                                              const run_id& run, std::string stdin_text, const caf::actor_addr& owner) {
  process_spec p;
  p.argv = spec.run.command;
  p.cwd = services.company->folder;
  p.env = services.env;
  for (const auto& [name, value] : spec.run.env) p.env[name] = value;
  p.company = services.company->name;
  p.agent = spec.path.text;
  p.node = services.node;
  p.run = run.text;
  p.stdin_text = std::move(stdin_text);
  p.timeout = spec.timeout;
  p.memory_bytes_max = spec.run.memory_bytes_max;
  p.open_files_max = spec.run.open_files_max;

  const auto tell = [owner](auto message) {
    if (auto target = caf::actor_cast<caf::actor>(owner)) caf::anon_send(target, std::move(message));
  };
  process_callbacks callbacks;
  callbacks.on_stdout = [tell, run](std::string_view bytes) { tell(run_stdout{run, std::string{bytes}}); };
  callbacks.on_exit = [tell, run](const exit_info& exit) { tell(run_exited{run, exit}); };
  return services.processes->start(std::move(p), std::move(callbacks));
}

}  // namespace cadre::actors
