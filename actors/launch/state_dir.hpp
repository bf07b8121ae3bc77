#pragma once

#include "actors/launch/files.hpp"
#include "schemas/error.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

/// The folder that holds everything `cadre up` keeps: `.cadre/` beside the config, or `--state`.
///
///   lock          who is up here; held with flock for as long as it lives
///   secrets.json  generated passwords (0600)
///   runtime.json  addresses and process ids of the running company (0600); gone when it is down
///   postgres/     the private Postgres: data/ and its socket
///   nats/         the private nats-server: its config and JetStream's files
///   logs/         up.log, postgres.log, nats.log, node-NAME.log
///
/// With `--ha` also `replicated.json`, which names the primary, `postgres-2/` and `nats-1/` to `nats-3/`.
namespace cadre::launch {

/// Passwords, made once per state directory. Never printed.
struct secrets {
  std::string postgres_superuser, cadre_migrator, cadre_writer, cadre_reader, nats;
};

/// Who holds the lock.
struct lock_holder {
  pid_t pid = 0;
  std::string since;        ///< ISO time.
  std::string command;      ///< Its command line.
  std::string start_ticks;  ///< Tells the process from a later one with the same pid.
};

class state_dir {
 public:
  /// Makes the folder (0700) and its parts, takes the lock and writes who we are into it. Refused, naming the holder,
  /// if another process is up here; the lock of a process that was killed is free by itself.
  static result<state_dir> open(const std::string& path);

  /// The default for a config file: `.cadre` in its folder.
  static std::string beside(const std::string& config_file);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string log(const std::string& name) const { return path_ + "/logs/" + name + ".log"; }
  [[nodiscard]] std::string postgres() const { return path_ + "/postgres"; }

  /// Lets other users pass through the folder (0711), not list it. For a Postgres that runs as another user.
  result<void> let_pass();

  /// The passwords; made at the first call.
  result<secrets> load_secrets() const;

 private:
  state_dir(std::string path, descriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  descriptor lock_;
};

/// Who is up in the folder; nullopt if nobody is. The process is checked to be the one that took the lock: `pid` is 0
/// if somebody holds it who can't be identified.
result<std::optional<lock_holder>> find_holder(const std::string& path);

}  // namespace cadre::launch
