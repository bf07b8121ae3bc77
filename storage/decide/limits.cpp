#include "storage/decide/limits.hpp"

#include <algorithm>
#include <limits>

namespace cadre::storage::decide {

namespace {

/// No mode has it in its name.
constexpr char between = '/';

}  // namespace

std::string key_of(std::string_view mode, std::string_view concurrency_key) {
  if (concurrency_key.empty()) return {};
  return std::string{mode} + between + std::string{concurrency_key};
}

void concurrency_limits::count(const std::string& mode, const std::string& key) {
  ++modes_[mode].active;
  if (!key.empty()) ++keys_[key];
}

bool concurrency_limits::has_room(const std::string& mode) const {
  const auto found = modes_.find(mode);
  if (found == modes_.end()) return true;
  const auto& [allowed, active] = found->second;
  return !allowed.paused && (allowed.concurrency == 0 || active < allowed.concurrency);
}

std::int64_t concurrency_limits::room_of(const std::string& key) const {
  if (key.empty()) return std::numeric_limits<std::int64_t>::max();
  const auto mode = modes_.find(key.substr(0, key.find(between)));
  const auto allowed = mode == modes_.end() ? rule{}.per_key : mode->second.allowed.per_key;
  const auto active = keys_.find(key);
  return std::max<std::int64_t>(0, allowed - (active == keys_.end() ? 0 : active->second));
}

}  // namespace cadre::storage::decide
