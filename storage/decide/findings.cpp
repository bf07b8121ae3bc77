#include "storage/decide/findings.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace cadre::storage::decide {

finding_changes merge_findings(const std::vector<open_finding>& open, const std::vector<finding_seen>& seen,
                               const std::function<bool(std::string_view)>& covers, timestamp at) {
  finding_changes changes;
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < seen.size(); ++i) places.emplace(seen[i].subject, i);
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto found = places.find(open[i].subject);
    if (found == places.end()) {
      if (covers(open[i].subject)) changes.gone.push_back(i);
      continue;
    }
    changes.still.emplace_back(i, found->second);
    if (!open[i].escalated && open[i].deadline <= at) changes.again.push_back(changes.still.size() - 1);
    places.erase(found);
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto left = places.find(seen[i].subject);
    if (left != places.end() && left->second == i) changes.fresh.push_back(i);
  }
  return changes;
}

namespace {

/// Depth first with a stack of its own: a chain may be as long as there are tasks.
class circle_walk {
 public:
  explicit circle_walk(const std::vector<wait_edge>& edges) {
    for (const auto& e : edges) {
      waits_for_[e.from].push_back(e.on);
    }
  }

  std::vector<std::vector<std::string>> all() {
    for (const auto& [name, on] : waits_for_)
      if (marks_[name] == mark::fresh) walk_from(name);
    return std::move(found_);
  }

 private:
  enum class mark { fresh, open, done };
  struct step {
    const std::string* name;
    std::size_t next = 0;
  };

  void walk_from(const std::string& start) {
    std::vector<step> trail;
    const auto enter = [&](const std::string& name) {
      marks_[name] = mark::open;
      trail.push_back({&name});
    };
    enter(start);
    while (!trail.empty()) {
      auto& here = trail.back();
      const auto on = waits_for_.find(*here.name);
      if (on == waits_for_.end() || here.next == on->second.size()) {
        marks_[*here.name] = mark::done;
        trail.pop_back();
        continue;
      }
      const auto& next = on->second[here.next++];
      const auto m = marks_[next];
      if (m == mark::fresh) {
        enter(next);
      } else if (m == mark::open) {
        note(trail, next);
      }
    }
  }

  void note(const std::vector<step>& trail, const std::string& again) {
    auto from = std::find_if(trail.begin(), trail.end(), [&](const step& s) { return *s.name == again; });
    std::vector<std::string> circle;
    for (; from != trail.end(); ++from) circle.push_back(*from->name);
    for (const auto& name : circle)
      if (in_one_[name]) return;
    for (const auto& name : circle) in_one_[name] = true;
    std::rotate(circle.begin(), std::min_element(circle.begin(), circle.end()), circle.end());
    found_.push_back(std::move(circle));
  }

  std::map<std::string, std::vector<std::string>> waits_for_;
  std::unordered_map<std::string, mark> marks_;
  std::unordered_map<std::string, bool> in_one_;
  std::vector<std::vector<std::string>> found_;
};

}  // namespace

std::vector<std::vector<std::string>> find_circles(const std::vector<wait_edge>& edges) {
  return circle_walk{edges}.all();
}

}  // namespace cadre::storage::decide
