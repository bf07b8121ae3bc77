#pragma once

#include "actors/launch/process.hpp"
#include "actors/launch/process_keeper.hpp"
#include "actors/launch/state_dir.hpp"

#include <memory>
#include <string>

/// A nats-server of our own with JetStream, on 127.0.0.1, with a password.
namespace cadre::launch {

class private_nats {
 public:
  /// Finds the program and chooses a port: `port`, or a free one if it is 0. A port in use is an error that names it.
  static result<std::shared_ptr<private_nats>> prepare(const state_dir& state, const std::string& password,
                                                       int port = 0);

  /// For the process keeper, in stage 1. Before each start it ends a server that a killed `up` left behind and writes
  /// the config. Keeps `self` alive.
  static child_spec spec(const std::shared_ptr<private_nats>& self);

  /// True once the server greets. Blocks for at most 200 ms.
  [[nodiscard]] bool ready() const;

  /// `nats://cadre:PASSWORD@127.0.0.1:PORT`.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const noexcept { return port_; }

 private:
  private_nats() = default;
  result<void> clear_leftovers() const;
  result<program> make_program();

  std::string folder_, program_, log_, password_;
  int port_ = 0;
  bool port_given_ = false;
  mutable bool was_ready_ = false;
};

}  // namespace cadre::launch
