#include "replica_command.hpp"

#include "actors/launch/replicated_postgres.hpp"
#include "actors/launch/runtime.hpp"
#include "storage/replication.hpp"

#include <chrono>
#include <iostream>
#include <thread>

namespace cadre::cli {

namespace {

constexpr std::chrono::milliseconds look_again{250};

struct promote_flags {
  bool force = false;
  bool no_wait = false;
  std::int64_t within_seconds = 1'800;
};

/// The two servers by their present roles.
struct pair_of_servers {
  launch::server_process primary, replica;
};

void must(const result<void>& done, const std::string& what) {
  if (!done) throw command_error{exit_findings, what + ": " + done.error().message};
}

void say(const std::string& line) {
  std::cout << line << std::endl;
}

result<storage::server_state> look_at(const launch::server_process& server) {
  return storage::look_at_server(server.url, launch::replicated_postgres::replica_name);
}

pair_of_servers find_servers(const std::string& state) {
  const auto running = launch::load_runtime(state);
  if (!running) throw command_error{exit_unreachable, running.error().message};
  const auto recorded = launch::recorded_primary(state);
  pair_of_servers out;
  for (const auto& server : running->servers) {
    if (!server.name.starts_with("postgres")) continue;
    (server.name == recorded ? out.primary : out.replica) = server;
  }
  if (out.primary.name.empty() || out.replica.name.empty())
    throw command_error{exit_usage, "this company has no replica of its database; start it with: cadre up --ha"};
  return out;
}

/// Whether a person told the primary, which can't be asked any more, to go on without its replica.
bool went_on_alone(const std::string& state, const std::string& name) {
  const auto settings = launch::read_file(state + "/" + name + "/data/postgresql.auto.conf").value_or("");
  return settings.find("synchronous_standby_names = ''") != std::string::npos;
}

/// Why promoting would lose what was acknowledged; empty if it would not.
std::string objection(const std::string& state, const pair_of_servers& servers) {
  const auto primary = look_at(servers.primary);
  if (primary && !primary->replica_is_exact)
    return servers.primary.name + " is alive, and " + servers.replica.name + " does not have all it acknowledged";
  if (!primary && went_on_alone(state, servers.primary.name))
    return servers.primary.name + " was told to go on without its replica before it died";
  return {};
}

/// Records the new roles, ends the old primary for good and makes the replica the primary.
void change_roles(const std::string& state, pair_of_servers& servers) {
  // Its files say that a promoted replica works alone; what the primary was once told was copied from there.
  must(storage::wait_for_replica(servers.replica.url, ""), servers.replica.name);
  must(launch::record_primary(state, servers.replica.name), "can't record the new roles");
  must(launch::end_postgres(state + "/" + servers.primary.name + "/data"), servers.primary.name);
  std::swap(servers.primary, servers.replica);
  say(servers.replica.name + " is stopped, and will only come back as a replica");
}

void await_replica(const pair_of_servers& servers, const promote_flags& flags) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{flags.within_seconds};
  for (;;) {
    const auto now = look_at(servers.primary);
    if (now && now->replica_streams) break;
    if (std::chrono::steady_clock::now() > until)
      throw command_error{exit_findings, servers.replica.name + " does not stream yet; its log says why. " +
                                             servers.primary.name +
                                             " works alone until `cadre promote-replica` is "
                                             "called again with --rejoin, or `cadre up` starts anew"};
    std::this_thread::sleep_for(look_again);
  }
  must(storage::wait_for_replica(servers.primary.url, launch::replicated_postgres::replica_name), servers.primary.name);
  say(servers.replica.name + " is its replica, and every commit waits for it again");
}

int promote(const fleet_options& fleet, const promote_flags& flags, bool rejoin) {
  const auto state = find_state(fleet);
  auto servers = find_servers(state);
  if (!rejoin) {
    const auto before = look_at(servers.primary);
    // A promotion that was interrupted between its steps goes on where it was.
    const bool began = before && before->in_recovery;
    if (!began) {
      const auto why = objection(state, servers);
      if (!why.empty() && !flags.force)
        throw command_error{exit_findings, why + ": promoting would lose that. With --force it is done all the same"};
      const auto replica = look_at(servers.replica);
      if (!replica) throw command_error{exit_unreachable, servers.replica.name + ": " + replica.error().message};
      if (!replica->in_recovery) throw command_error{exit_findings, servers.replica.name + " is no replica"};
      change_roles(state, servers);
    }
    must(storage::promote(servers.primary.url), servers.primary.name);
    say(servers.primary.name + " is the primary now, and works alone for the moment");
  }
  if (flags.no_wait) return exit_ok;
  await_replica(servers, flags);
  return exit_ok;
}

}  // namespace

void add_replica_command(const application& a) {
  auto flags = std::make_shared<promote_flags>();
  auto rejoin = std::make_shared<bool>(false);
  auto sub = a.app.add_command("promote-replica", "Make the replica of the database the primary (of `up --ha`)");
  sub.add("--state", a.fleet.state, "State directory (default: the nearest .cadre)");
  sub.add("--force", flags->force, "Even if the replica lacks what was acknowledged: that is lost");
  sub.add("--no-wait", flags->no_wait, "Return without waiting for the new replica");
  sub.add("--rejoin", *rejoin, "Only wait for the new replica, and let commits wait for it again");
  sub.add("--within", flags->within_seconds, "Seconds to wait for the new replica").default_shown();
  sub.examples(
      "  cadre promote-replica            the primary died, or is to be replaced\n"
      "  cadre promote-replica --rejoin   after --no-wait, or after the wait took too long");
  sub.does([=] { return promote(a.fleet, *flags, *rejoin); });
}

}  // namespace cadre::cli
