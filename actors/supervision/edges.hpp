#pragma once

#include "frozen.hpp"
#include "kept_token.hpp"
#include "lives.hpp"
#include "machine.hpp"
#include "node_registry.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

/// The children of the supervisors on this node, wherever they run.
namespace cadre::actors::supervision {

/// Places children, carries orders to the nodes they run on, repeats what was not answered, and turns the loss and the
/// return of nodes into events for the supervisors. A part of the node host; knows neither CAF nor the bus.
class edges {
 public:
  struct seams {
    /// Sends an order to a node, this one included. Answered by a call of `answered` with the same number.
    std::function<void(const std::string& node, message order, std::uint64_t request)> send;
    /// Tells a supervisor on this node.
    std::function<void(const agent_path& branch, on::event)> tell;
    /// A supervisor here gave an order that a node refused, because the child has a newer one: it ends, soon.
    std::function<void(const agent_path& branch)> deposed;
    /// Calls `retry(request)` a while later.
    std::function<void(std::uint64_t request)> set_retry;
    std::function<epoch()> leader_epoch;
    std::function<std::uint64_t()> next_request;
  };

  edges(const node_registry& nodes, std::string self, seams use);

  /// A supervisor that is new, or whose child was replaced by a life that it does not know, asks every node of the
  /// child's list whether the child runs there, and adopts the first life it finds; only if all of them say no (or are
  /// lost) a life is started.
  /// Should another life turn up later, the newer of the two is kept and the other is stopped.
  void start(const frozen<supervisor_ref>& supervisor, const frozen<child_spec>& child);
  void stop(const supervisor_ref& supervisor, const child_spec& child);
  /// What a node said to an order, or that it said nothing. Numbers of orders that no longer matter are ignored.
  void answered(std::uint64_t request, const result<message>& what);
  void retry(std::uint64_t request);
  /// A DOWN notice for a child of a supervisor here; with the cause `deposed`, the end of that supervisor.
  void down(const child_down& notice);
  /// A node was lost: DOWN(noconnection) for its children. Or found: children that wait for it start, and those that
  /// prefer it and fail back are moved. Or it drains: its children are moved. A move lets the child
  /// finish, then orders a move, which counts for nothing; what can run nowhere else stays.
  void changed(const node_change& change);
  /// This node has listened long enough to have heard every node that is there. Until then one that was not heard may
  /// well have the child.
  void settle();
  /// The supervisor ended; what runs elsewhere runs on, to be adopted.
  void forget_supervisor(const agent_path& branch);

  /// Where a child is, or was last; empty if it was never placed.
  [[nodiscard]] std::string node_of(const life_key& key) const;

 private:
  enum class phase : std::uint8_t { seeking, starting, running, stopping, waiting, down };
  /// One life of a node.
  struct site {
    std::string node;
    node_life_id life;
    bool operator==(const site&) const = default;
  };
  /// There are up to 100,000 of them: what they have in common is shared.
  struct edge {
    frozen<supervisor_ref> supervisor;
    frozen<child_spec> spec;
    frozen<site> at;
    kept_token token;
    phase now = phase::down;
    bool offered = false;               ///< The supervisor was told that a node is there.
    bool moving = false;                ///< Told to finish; its supervisor believes that it runs, and may stop it.
    bool unwanted = false;              ///< A stop was ordered while it was being sought.
    bool sought = false;                ///< Its supervisor knows where it is, or that it is nowhere.
    std::uint64_t order = 0;            ///< Of starts, so that children which wait together start in order.
    std::uint64_t request = 0;          ///< The order under way.
    std::unique_ptr<child_down> early;  ///< A DOWN that overtook the answer to the start.
  };

  /// A question whether a child runs on a node.
  struct seek {
    life_key key;
    site at;
  };
  struct sighting {
    site at;
    incarnation_token token;
  };
  /// A second life that is being stopped.
  struct twin {
    site at;
    child_stop order;
  };

  edge* of_request(std::uint64_t request);
  /// Those that `wanted` says yes to, by path.
  std::vector<edge*> those(const std::function<bool(const edge&)>& wanted);
  static life_key key_of(const child_spec& child) { return {child.id, child.branch}; }
  frozen<site> shared(const site& at);
  static failure failure_in(const result<message>& what);
  [[nodiscard]] static bool is_placed(const edge& e);
  [[nodiscard]] child_start start_order_of(const edge& e) const;
  [[nodiscard]] child_stop stop_order_of(const edge& e, const incarnation_token& token) const;
  /// Whether who says no, or nothing, is all that there is to ask.
  [[nodiscard]] bool all_heard(const child_spec& child) const;
  bool begin_seek(edge& e);
  void ask(const std::vector<seek>& questions);
  /// Whether lives from before it was lost, or from before a takeover, still run on a node that came (back).
  void ask_newcomer(const node_change& change);
  void send_seek(std::uint64_t request);
  void seek_answered(std::uint64_t request, const result<message>& what);
  void seek_over(const life_key& key);
  void sighted(edge& e, const sighting& s);
  void adopt(edge& e, const sighting& s);
  void stop_twin(const edge& e, const sighting& s);
  void send_twin(const twin& owed);
  /// It is the life that is kept after all.
  void spare(const incarnation_token& token);
  void twin_answered(std::uint64_t request, const result<message>& what);
  void place_and_start(edge& e);
  void move_if_better(edge& e);
  void move_answered(edge& e, const result<message>& what);
  void move_all();
  void send_start(edge& e);
  void send_stop(edge& e);
  void start_answered(edge& e, const result<message>& what);
  void stop_answered(edge& e, const result<message>& what);
  void not_answered(edge& e);
  void wait_for_node(edge& e);
  void offer(const std::vector<edge*>& waiting);
  void lost(const node_change& change);
  void found();
  [[nodiscard]] std::string place(const child_spec& child) const;

  const node_registry& nodes_;
  std::string self_;
  seams use_;
  std::unordered_map<life_key, edge> table_;
  std::map<std::string, frozen<site>> sites_;  ///< The last one that was used of each node.
  std::map<std::uint64_t, life_key> requests_;
  std::map<std::uint64_t, seek> seeks_;
  std::map<std::uint64_t, twin> twins_;
  std::uint64_t starts_ = 0;
  bool settled_ = false;
};

}  // namespace cadre::actors::supervision
