#pragma once

#include "actors/launch/process.hpp"
#include "actors/launch/process_keeper.hpp"
#include "actors/launch/state_dir.hpp"

#include <memory>
#include <string>
#include <vector>

/// nats-servers of our own with JetStream, on 127.0.0.1, with a password: one, or a cluster of three.
namespace cadre::launch {

class private_nats {
 public:
  static constexpr int cluster_size = 3;

  /// Finds the program and chooses a port: `port`, or a free one if it is 0. A port in use is an error that names it.
  static result<std::shared_ptr<private_nats>> prepare(const state_dir& state, const std::string& password,
                                                       int port = 0);

  /// The members of a cluster, each with a folder of its own, run with deploy/replicated/nats.conf. The first gets
  /// `port`. Ports are chosen here once, since each member must know the others'.
  static result<std::vector<std::shared_ptr<private_nats>>> prepare_cluster(const state_dir& state,
                                                                            const std::string& password, int port = 0);

  /// For the process keeper, in stage 1. Before each start it ends a server that a killed `up` left behind and writes
  /// the config. Keeps `self` alive.
  static child_spec spec(const std::shared_ptr<private_nats>& self);

  /// True once the server greets. Blocks for at most 200 ms.
  [[nodiscard]] bool ready() const;

  /// `nats://cadre:PASSWORD@127.0.0.1:PORT`.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const noexcept { return port_; }
  /// Of the process, of its log and of its folder: `nats`, or `nats-1` to `nats-3`.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  private_nats() = default;
  static result<std::shared_ptr<private_nats>> find(const state_dir& state, const std::string& password,
                                                    const std::string& name);
  result<void> clear_leftovers() const;
  result<program> make_program();
  [[nodiscard]] std::string config_text() const;
  void add_member_settings(std::vector<std::string>& environment) const;

  std::string name_, folder_, program_, log_, password_;
  int port_ = 0;
  bool port_given_ = false;
  std::vector<int> route_ports_;  ///< Of all members; empty: no cluster.
  int route_port_ = 0;            ///< Our own.
  mutable bool was_ready_ = false;
};

}  // namespace cadre::launch
