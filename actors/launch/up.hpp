#pragma once

#include "actors/launch/keeper_machine.hpp"
#include "actors/launch/runtime.hpp"
#include "schemas/error.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

/// `cadre up` and `cadre down`: a whole company on this machine, from nothing to running and back.
namespace cadre::launch {

/// What `up` is asked for. The functions are called on a thread of their own and may block; they get a copy of the
/// runtime, and a token that asks them to give up when the company is being stopped. Exceptions are failures. None may
/// start processes in sessions of their own (see process_keeper).
struct up_options {
  std::string config;        ///< The company's file.
  std::string state;         ///< State directory; empty: `.cadre` beside the config.
  std::string postgres_url;  ///< A Postgres to use instead of a private one, as a superuser of it; URL form.
  std::string nats_url;      ///< A nats-server with JetStream to use instead of a private one.
  int nats_port = 0;         ///< Of the private nats-server; 0: a free one.
  /// Three nats-servers and two Postgres instead of one of each. A state directory that was made so stays so.
  bool replicated = false;
  bool once = false;    ///< Stop after when_ready and give its exit code.
  bool detach = false;  ///< Return when the company is ready; it goes on in the background.

  milliseconds ready_limit{60'000};    ///< For each server and node to become ready.
  milliseconds copy_limit{1'800'000};  ///< For the replica of Postgres to copy the primary's files.
  milliseconds node_grace{15'000};     ///< For the nodes to drain before they are killed.
  int start_attempts = 3;              ///< Deaths during the start after which `up` gives up.
  keeper_settings restarts;

  /// The program of the nodes, started as `PROGRAM node --name N --config F --state DIR`. Empty: this one.
  std::string node_program;

  /// Makes roles, database and schema; the passwords and URLs are in runtime.database. None: it is taken as it is.
  std::function<result<void>(const runtime&, std::stop_token)> prepare_database;
  /// True once the node answers. Asked every 50 ms. None: a node is ready when it was started.
  std::function<bool(const runtime&, const std::string& node)> node_ready;
  /// Called once everything is ready: the first round, the first brief. Its result is the exit code of `--once`.
  std::function<int(const runtime&, std::stop_token)> when_ready;
  /// Called for SIGHUP, in the main thread: must not block. None: SIGHUP is ignored.
  std::function<void(const runtime&)> on_hangup;
};

/// Blocks until the company is stopped by SIGINT or SIGTERM (twice: at once), or with `detach` until it is ready.
/// Prints its progress on stdout and errors on stderr. To be called from the main thread before any other thread is
/// made. Exit codes: 0 stopped in order; 1 could not start, or is up already; 2 the config has problems; 130
/// interrupted before it was ready, or stopped at once.
int run_up(const up_options& options);

/// Stops the company of a state directory, waiting for its end for at most `limit`. Prints what it does.
/// 0: it is down (also if it was before); 1: it could not be stopped.
int run_down(const std::string& state, milliseconds limit = milliseconds{60'000});

}  // namespace cadre::launch
