#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

/// How much may be worked on at once. Pure.
namespace cadre::storage::decide {

/// What a concurrency key stands for: each mode has its own keys. Empty for a task without one.
std::string key_of(std::string_view mode, std::string_view concurrency_key);

/// Counts what is under way, by the mode of the agents that work on it and by the key of the task, and says what more
/// may begin. Made anew for each round of grants.
class concurrency_limits {
 public:
  struct rule {
    std::int64_t concurrency = 0;  ///< Of all agents of the mode together; 0: as many as they have slots.
    std::int64_t per_key = 1;      ///< Of its tasks with the same concurrency key.
    bool paused = false;           ///< None begins.
  };

  /// A mode without a rule has that of a default `rule`.
  void set(const std::string& mode, rule r) { modes_[mode].allowed = r; }
  /// None of the mode begins.
  void pause(const std::string& mode) { modes_[mode].allowed.paused = true; }
  /// A run is under way, or begins now. `key`: what `key_of` says.
  void count(const std::string& mode, const std::string& key);

  [[nodiscard]] bool has_room(const std::string& mode) const;
  /// How many more of this key may begin; without end (INT64_MAX) for the empty key.
  [[nodiscard]] std::int64_t room_of(const std::string& key) const;

 private:
  struct state {
    rule allowed;
    std::int64_t active = 0;
  };
  std::map<std::string, state> modes_;
  std::map<std::string, std::int64_t> keys_;
};

}  // namespace cadre::storage::decide
