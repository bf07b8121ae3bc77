#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadre::config {

/// The candidate with the fewest typing errors (insert, delete, replace, swap of neighbours) from `given`; empty if
/// none is near: at most one error per three letters, and at least one.
std::string_view nearest(std::string_view given, const std::vector<std::string_view>& candidates);

/// `; did you mean X?` for the nearest candidate, or nothing. Silent for more than 5,000 candidates.
std::string did_you_mean(std::string_view given, const std::vector<std::string_view>& candidates);

/// `a, b, c`.
std::string join(const std::vector<std::string_view>& texts, std::string_view separator = ", ");

/// The parts of `a|b|c`; none for an empty text.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace cadre::config
