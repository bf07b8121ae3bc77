#pragma once

#include "actors/supervision/exits.hpp"
#include "actors/supervision/node_host.hpp"
#include "support/deterministic.hpp"

#include <caf/all.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

/// Several node hosts in one actor system, connected by a bus that can be cut, with agents that do as they are told.
namespace cadre::actors::supervision::fleet {

/// The bus between the nodes of a fleet.
struct wire {
  struct pending {
    caf::actor to;
    std::uint64_t request = 0;
    std::string asker, answerer;
  };
  std::map<std::string, caf::actor> hosts;
  std::set<std::string> cut;            ///< These nodes neither send nor hear.
  std::set<std::string> mute;           ///< Their heartbeats are not heard.
  int replies_to_lose = 0;              ///< The next replies vanish.
  std::set<std::string> kinds_to_lose;  ///< Requests of these kinds vanish.
  std::map<std::string, int> sent;      ///< Requests by kind.
  std::map<std::string, pending> asked;
  std::uint64_t count = 0;

  bool hears(const std::string& a, const std::string& b) const {
    return !cut.contains(a) && !cut.contains(b) && hosts.contains(b);
  }
};

class wire_link final : public node_link {
 public:
  wire_link(std::string node, std::shared_ptr<wire> w) : node_(std::move(node)), wire_(std::move(w)) {}

  void send_heartbeat(const node_heartbeat& beat) override {
    if (wire_->mute.contains(node_)) return;
    for (const auto& [name, host] : wire_->hosts)
      if (name != node_ && wire_->hears(node_, name)) caf::anon_send(host, incoming_heartbeat{beat});
  }

  void request(const std::string& node, const message& order, milliseconds, std::uint64_t request,
               const caf::actor& answer_to) override {
    const auto kind = std::visit([](const auto& m) { return std::string{std::decay_t<decltype(m)>::kind}; }, order);
    ++wire_->sent[kind];
    if (!wire_->hears(node_, node) || wire_->kinds_to_lose.contains(kind)) return;
    incoming_control in;
    in.request.body = order;
    in.reply_to = std::to_string(++wire_->count);
    wire_->asked[in.reply_to] = {answer_to, request, node_, node};
    caf::anon_send(wire_->hosts.at(node), in);
  }

  void reply(const std::string& reply_to, const message& answer) override {
    auto asked = wire_->asked.extract(reply_to);
    if (asked.empty() || !wire_->hears(asked.mapped().answerer, asked.mapped().asker)) return;
    if (wire_->replies_to_lose > 0) {
      --wire_->replies_to_lose;
      return;
    }
    caf::anon_send(asked.mapped().to, control_answer{asked.mapped().request, answer});
  }

 private:
  std::string node_;
  std::shared_ptr<wire> wire_;
};

/// What happened to agents, in order: `+ceo.a@n1`, `-ceo.a@n1`.
struct chronicle {
  std::vector<std::string> lines;
  std::map<std::string, int> alive;                ///< By `path@node`.
  std::map<std::string, caf::actor_addr> present;  ///< The last life of each `path@node`.
  std::vector<agent_report> reports;
  std::set<std::string> broken;    ///< Agents whose spawn throws.
  std::set<std::string> silent;    ///< Agents that never answer ready_atom.
  std::set<std::string> stubborn;  ///< Agents that ignore a request to stop.
  std::set<std::string> busy;      ///< Agents that have something to finish, until they are told to `quit`.
  bool twice = false;              ///< Two lives of one agent on one node at once.

  std::string take() {
    std::string text;
    for (const auto& l : std::exchange(lines, {})) text += (text.empty() ? "" : " ") + l;
    return text;
  }
};

/// An agent for tests: `throw TEXT` as a string message makes it throw.
inline caf::behavior puppet(caf::event_based_actor* self, bool silent, bool stubborn, bool busy) {
  keep_exception_text(self);
  if (stubborn) self->set_exit_handler([](const caf::exit_msg&) {});
  return {
      [=](ready_atom) -> caf::result<bool> {
        if (silent) return self->make_response_promise();
        return true;
      },
      [=](finish_atom) -> caf::result<bool> {
        if (busy) return true;
        return caf::make_error(caf::sec::unexpected_message);
      },
      [=](const std::string& text) {
        if (text == "quit") return self->quit();
        throw std::runtime_error(text);
      },
  };
}

inline config::agent agent(const std::string& path, std::vector<std::string> nodes, bool manager = false) {
  config::agent a;
  a.path = {path};
  a.role = manager ? agent_role::manager : agent_role::worker;
  a.nodes = std::move(nodes);
  a.shutdown.time = milliseconds{1'000};
  if (manager) {
    a.branch.emplace();
    a.branch->intensity = 2;
    a.branch->wait.jitter = 0;
  }
  return a;
}

struct fleet_stage : test::deterministic {
  std::shared_ptr<wire> net = std::make_shared<wire>();
  std::shared_ptr<chronicle> log = std::make_shared<chronicle>();
  std::shared_ptr<config::company> company = std::make_shared<config::company>();
  int lives = 0;

  ~fleet_stage() {
    for (auto& [name, host] : net->hosts) caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
    advance(milliseconds{25'000}, milliseconds{500});
    net->hosts.clear();
    net->asked.clear();
    end();
  }

  void node(const std::string& name) {
    node_host_config cfg;
    cfg.node = name;
    cfg.life = node_life_id{name + "-" + std::to_string(++lives)};
    cfg.company = company;
    cfg.link = std::make_shared<wire_link>(name, net);
    cfg.make_agent = [log_to = log, name](caf::event_based_actor* host, const agent_birth& b) {
      return birth(log_to, name, host, b);
    };
    cfg.reporter = [log_to = log](const agent_report& r) { log_to->reports.push_back(r); };
    net->hosts[name] = sys.spawn(node_host, cfg);
  }

  static caf::actor birth(const std::shared_ptr<chronicle>& log, const std::string& node, caf::event_based_actor* host,
                          const agent_birth& b) {
    const auto id = b.path.text + "@" + node;
    if (log->broken.contains(b.path.text)) throw std::runtime_error("no such program");
    log->lines.push_back("+" + id);
    if (++log->alive[id] > 1) log->twice = true;
    auto child = host->spawn(puppet, log->silent.contains(b.path.text), log->stubborn.contains(b.path.text),
                             log->busy.contains(b.path.text));
    log->present[id] = child.address();
    child->attach_functor([log, id](const caf::error&) {
      log->lines.push_back("-" + id);
      --log->alive[id];
    });
    return child;
  }

  void lead(const std::string& name, epoch e = 1) {
    run();
    caf::anon_send(net->hosts.at(name), supervision::lead{e});
    run();
  }

  /// Tells the agent something and waits for what follows at once.
  void say(const std::string& id, const std::string& text) {
    caf::anon_send(caf::actor_cast<caf::actor>(log->present.at(id)), text);
    run();
  }

  void order(const std::string& host, const std::string& what, const std::string& path) {
    caf::anon_send(net->hosts.at(host), node_order{{what, {path}}});
    run();
  }

  void stop_company(const std::string& name) {
    caf::anon_send(net->hosts.at(name), supervision::stop_company{});
    run();
  }

  /// `kill -9` of a node: its host and all its lives vanish, and nobody is told.
  void crash_node(const std::string& name) {
    net->cut.insert(name);
    caf::anon_send_exit(net->hosts.at(name), caf::exit_reason::user_shutdown);
    advance(milliseconds{30});
    net->hosts.erase(name);
    net->cut.erase(name);
  }

  const agent_report* last_report(const std::string& path) const {
    const agent_report* last = nullptr;
    for (const auto& r : log->reports)
      if (r.agent.text == path) last = &r;
    return last;
  }
};

}  // namespace cadre::actors::supervision::fleet
