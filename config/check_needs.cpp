#include "config/check.hpp"
#include "config/read.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

enum class mark { fresh, open, done };

/// Depth-first over `needs` with a stack of its own: a chain may be as long as the file allows.
class circle_finder {
 public:
  circle_finder(const agent_index& agents, findings& out) : agents_(agents), out_(out) {}

  void visit(const agent& start) {
    if (marks_[&start] != mark::fresh) return;
    enter(start);
    while (!trail_.empty()) {
      auto& [at, next] = trail_.back();
      if (next == at->needs.size()) {
        marks_[at] = mark::done;
        trail_.pop_back();
        continue;
      }
      const std::size_t i = next++;
      const agent* needed = agents_.find(at->needs[i]);
      if (needed == nullptr || marks_[needed] == mark::done) continue;
      if (marks_[needed] == mark::open)
        complain(*at, i, *needed);
      else
        enter(*needed);
    }
  }

 private:
  void enter(const agent& a) {
    marks_[&a] = mark::open;
    trail_.emplace_back(&a, 0);
  }

  void complain(const agent& at, std::size_t i, const agent& needed) {
    std::string circle;
    const auto begin =
        std::find_if(trail_.begin(), trail_.end(), [&](const auto& step) { return step.first == &needed; });
    for (auto step = begin; step != trail_.end(); ++step) circle += step->first->path.text + " -> ";
    out_.add_at(config_key(at.path) + ".needs[" + std::to_string(i) + "]",
                "goes in a circle: " + circle + needed.path.text + "; nothing in it could ever start");
  }

  const agent_index& agents_;
  findings& out_;
  std::unordered_map<const agent*, mark> marks_;
  std::vector<std::pair<const agent*, std::size_t>> trail_;
};

}  // namespace

void check_needs(const company& c, const agent_index& agents, findings& out) {
  circle_finder circles(agents, out);
  for (const auto& a : c.agents) {
    for (std::size_t i = 0; i < a.needs.size(); ++i) {
      const auto at = config_key(a.path) + ".needs[" + std::to_string(i) + "]";
      const agent* needed = agents.expect(a.needs[i], at, out);
      if (needed != nullptr && needed->run.how == run_spec::mode::none && !out.given(config_key(needed->path) + ".run"))
        out.add_at(at, needed->path.text + " has no run, so it would be waited for for ever");
    }
    circles.visit(a);
  }
}

}  // namespace cadre::config
