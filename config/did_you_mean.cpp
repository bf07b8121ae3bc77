#include "config/did_you_mean.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

constexpr std::size_t letters_max = 200;
constexpr std::size_t candidates_max = 5'000;

/// Optimal string alignment distance, row by row.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view given, const std::vector<std::string_view>& candidates) {
  if (given.empty() || given.size() > letters_max) return {};
  std::string_view best;
  std::size_t errors_max = std::max<std::size_t>(1, given.size() / 3);
  for (const auto candidate : candidates) {
    const std::size_t gap =
        candidate.size() > given.size() ? candidate.size() - given.size() : given.size() - candidate.size();
    if (gap > errors_max) continue;
    const std::size_t errors = distance(given, candidate);
    if (errors > errors_max || (errors == errors_max && !best.empty())) continue;
    best = candidate;
    errors_max = errors;
  }
  return best;
}

std::string did_you_mean(std::string_view given, const std::vector<std::string_view>& candidates) {
  if (candidates.size() > candidates_max) return {};
  const auto best = nearest(given, candidates);
  return best.empty() ? std::string{} : "; did you mean `" + std::string(best) + "`?";
}

std::string join(const std::vector<std::string_view>& texts, std::string_view separator) {
  std::string joined;
  for (const auto text : texts) {
    if (!joined.empty()) joined += separator;
    joined += text;
  }
  return joined;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

}  // namespace cadre::config
