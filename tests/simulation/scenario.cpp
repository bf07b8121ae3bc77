#include "scenario.hpp"

#include <algorithm>

namespace cadre::simulation {

namespace {

config::agent draw_agent(dice& d, const scenario& s, const std::string& path, bool manager) {
  config::agent a;
  a.path = {path};
  a.role = manager ? agent_role::manager : agent_role::worker;
  a.mode = a.path.text;
  a.nodes = s.nodes;
  for (std::size_t i = a.nodes.size(); i > 1; --i)
    std::swap(a.nodes[i - 1], a.nodes[static_cast<std::size_t>(d.between(0, static_cast<std::int64_t>(i) - 1))]);
  if (s.tight) a.restart = d.chance(0.7) ? restart_type::permanent : static_cast<restart_type>(d.between(1, 2));
  if (s.tight && manager) a.restart = restart_type::permanent;
  a.shutdown.time = d.time(50, 1'500);
  if (d.chance(0.1)) a.shutdown.how = config::shutdown_time::mode::brutal_kill;
  a.run.how = config::run_spec::mode::command;
  a.concurrency = d.between(1, 2);
  a.retry.attempts = s.tight ? d.between(1, 4) : 1'000;
  a.retry.wait = {milliseconds{100}, milliseconds{1'000}, 2.0, 0.2};
  if (!manager) return a;
  a.branch.emplace();
  a.branch->strategy = static_cast<restart_strategy>(d.between(0, 2));
  a.branch->intensity = s.tight ? d.between(0, 3) : 100'000;
  a.branch->period = s.tight ? d.time(2'000, 10'000) : milliseconds{1'000};
  a.branch->wait = {d.time(10, 200), milliseconds{1'000}, 2.0, 0.2};
  a.on_escalation.investigate = d.chance(0.7) ? d.time(200, 3'000) : milliseconds{0};
  a.on_escalation.then = d.chance(0.7) ? escalation_policy::escalate : escalation_policy::resolve;
  return a;
}

void draw_company(dice& d, scenario& s) {
  auto& c = *s.company;
  c.name = "acme";
  c.timing.lease = milliseconds{2'000};
  c.timing.run_lease = milliseconds{4'000};
  for (const auto& name : s.nodes) c.nodes.push_back({name, {node_role::control, node_role::work}, 0});
  c.agents.push_back(draw_agent(d, s, "ceo", true));
  c.agents.front().role = agent_role::ceo;
  const auto managers = d.between(0, 2);
  const auto staff = [&](const std::string& of, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i)
      c.agents.push_back(draw_agent(d, s, of + "." + static_cast<char>('a' + i), false));
  };
  staff("ceo", d.between(managers == 0 ? 1 : 0, 2));
  for (std::int64_t m = 0; m < managers; ++m) {
    const auto path = "ceo.m" + std::to_string(m);
    c.agents.push_back(draw_agent(d, s, path, true));
    staff(path, d.between(1, 2));
  }
}

}  // namespace

scenario draw(dice& d, sabotage broken) {
  scenario s;
  s.company = std::make_shared<config::company>();
  const auto nodes = d.between(2, 4);
  for (std::int64_t i = 1; i <= nodes; ++i) s.nodes.push_back("n" + std::to_string(i));
  s.tight = d.chance(0.4);
  draw_company(d, s);
  s.obeyed = std::make_shared<config::company>(*s.company);
  if (broken == sabotage::intensity_ignored)
    for (auto& a : s.obeyed->agents)
      if (a.branch) a.branch->intensity += 100;
  s.faults = static_cast<int>(d.between(1, 8));
  s.lossy = d.chance(0.6);
  s.splits = s.lossy && d.chance(0.5);
  if (s.lossy && d.chance(0.6)) s.drop = 0.01 * static_cast<double>(d.between(0, s.splits ? 15 : 4));
  if (s.lossy && d.chance(0.6)) s.duplicate = 0.01 * static_cast<double>(d.between(0, 15));
  s.slow_ms = d.chance(0.5) ? d.between(5, 50) : d.between(50, s.lossy ? 900 : 300);
  s.commit_trouble = d.chance(0.6) ? 0.001 * static_cast<double>(d.between(1, 20)) : 0;
  s.run_trouble = d.chance(0.7) ? 0.01 * static_cast<double>(d.between(1, 30)) : 0;
  s.faulty = d.time(8'000, 16'000);
  s.settling = milliseconds{30'000};
  return s;
}

}  // namespace cadre::simulation
