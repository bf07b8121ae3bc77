#pragma once

#include "edges.hpp"
#include "lives.hpp"
#include "node_host.hpp"
#include "node_registry.hpp"

#include <caf/response_promise.hpp>

#include <functional>
#include <map>
#include <vector>

/// The inside of the node host: one member function per message. For node_host*.cpp only.
namespace cadre::actors::supervision {

class node_host_core {
 public:
  using actor_pointer = caf::stateful_actor<node_host_state>*;

  node_host_core(actor_pointer self, node_host_config cfg);

  void begin();
  void control(const incoming_control& in);
  void heartbeat(const node_heartbeat& beat);
  void answered(const control_answer& in);
  void timer(const host_timer& t);
  void ended(const caf::down_msg& m);

  void start(const start_order& in) { edges_.start(in.supervisor, in.child); }
  void stop(const stop_order& in) { edges_.stop(in.supervisor, in.child); }
  void report(const child_report& in);

  void lead(epoch leader_epoch);
  void step_down();
  void stop_company(caf::response_promise asked);
  /// `reply` hears how it ended, now or within `order_time`: code none, done; not_found, not for this node; refused,
  /// and why; timed_out, it is still being done.
  void operate(const operator_order& in, std::function<void(failure)> reply);
  void leave();
  /// The children of supervisors here leave this node, those of others by themselves once they hear of it.
  void drain(bool on);

 private:
  /// A DOWN notice that its supervisor's node has not acknowledged.
  struct notice {
    child_down what;
    std::uint64_t request = 0;
  };

  /// Has the supervisor `branch` on this node carry out an order about one of its children.
  void order_child(const agent_path& branch, on::order::kind what, const agent_path& child,
                   std::function<void(failure)> reply);
  [[nodiscard]] lives::seams seams_of_lives();
  [[nodiscard]] edges::seams seams_of_edges();
  caf::actor spawn(const child_start& order);
  caf::actor spawn_supervisor(const child_start& order);
  /// A newer supervisor of this branch is on record: this one ends.
  void deposed(const agent_path& branch);
  /// Nobody supervises the root but its host.
  [[nodiscard]] supervisor_ref over_root() const;
  [[nodiscard]] milliseconds start_time(const child_start& order) const;

  /// Carries out an order that was given here or came over the bus; `reply` gets the answer, now or later.
  void obey(const message& order, lives::answer reply);
  [[nodiscard]] bool has_no_room_for(const child_start& order) const;
  [[nodiscard]] message no_room(const child_start& order) const;
  /// Tells the fleet when this node becomes full or has room again.
  void count_agents();
  void send(const std::string& node, const message& order, std::uint64_t request);
  void tell(const agent_path& branch, const on::event& event);
  void tell_down(const child_down& d);
  void send_notice(const child_down& d);
  [[nodiscard]] bool is_owed(const child_down& d) const;
  void apply(const std::vector<node_change>& changes);
  void report_quarantine(const child_report& in);
  /// Looks whether another should lead.
  void look_aside();
  void beat();
  void root_ended();
  void quit_if_empty();
  std::uint64_t next_request() { return ++requests_; }
  void set_timer(host_timer::kind what, std::uint64_t generation, milliseconds delay);

  actor_pointer self_;
  node_host_config cfg_;
  node_registry nodes_;
  lives lives_;
  edges edges_;
  std::map<std::uint64_t, notice> notices_;  ///< By their request.
  std::uint64_t requests_ = 0;
  epoch epoch_ = 0;  ///< The highest leader epoch heard of.
  epoch reign_ = 0;  ///< The one that this node leads or led with.
  bool leads_ = false;
  bool root_wanted_ = false;
  bool leaving_ = false;
  bool aside_ = false;
  std::size_t max_agents_ = 0;  ///< Of this node; 0: no limit.
  std::vector<caf::response_promise> stop_asked_;
};

}  // namespace cadre::actors::supervision
