#include "config/check.hpp"
#include "config/did_you_mean.hpp"

#include <algorithm>

namespace cadre::config {

void check_modes(const company& c, findings& out) {
  std::vector<std::string_view> claimed;
  for (const auto& a : c.agents)
    if (a.run.how != run_spec::mode::none && std::find(claimed.begin(), claimed.end(), a.mode) == claimed.end())
      claimed.push_back(a.mode);
  for (const auto& m : c.modes)
    if (std::find(claimed.begin(), claimed.end(), m.name) == claimed.end())
      out.add_at("modes." + m.name, "no agent that runs something claims the mode `" + m.name + "`" +
                                        did_you_mean(m.name, claimed) + "; allowed: " + join(claimed));
}

}  // namespace cadre::config
