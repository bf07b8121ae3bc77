#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cadre {

/// A UUID as text (36 characters, lower case) that can't be confused with an id of another kind.
/// Empty means "none". Ids are chosen by the sender, which is what makes commands idempotent.
template <class Tag>
struct strong_id {
  std::string text;

  auto operator<=>(const strong_id&) const = default;
  [[nodiscard]] bool empty() const noexcept { return text.empty(); }
  explicit operator bool() const noexcept { return !text.empty(); }
};

using task_id = strong_id<struct task_id_tag>;
using run_id = strong_id<struct run_id_tag>;
using output_id = strong_id<struct output_id_tag>;
using verdict_id = strong_id<struct verdict_id_tag>;
using escalation_id = strong_id<struct escalation_id_tag>;
using finding_id = strong_id<struct finding_id_tag>;
using brief_id = strong_id<struct brief_id_tag>;
/// A message owed to a channel, and the delivery that it goes out with.
using notification_id = strong_id<struct notification_id_tag>;
using delivery_id = strong_id<struct delivery_id_tag>;
using command_id = strong_id<struct command_id_tag>;
using message_id = strong_id<struct message_id_tag>;
/// One life of a node process.
using node_life_id = strong_id<struct node_life_id_tag>;
/// One life of an agent, chosen by whoever starts it, before the writer has granted its epoch.
using incarnation_token = strong_id<struct incarnation_token_tag>;

/// A new time-ordered UUID (version 7, RFC 9562), greater than any that this process made before. Thread safe, does not
/// block.
std::string new_uuid();

/// A UUID (version 5, RFC 9562) that is the same for the same name: for ids that several senders must agree upon,
/// such as the task of a schedule's fire.
std::string named_uuid(std::string_view name);

/// True for 36 characters of lower- or upper-case hexadecimal with dashes in the four places.
bool is_uuid(std::string_view text) noexcept;

template <class Id>
Id new_id() {
  return Id{new_uuid()};
}

template <class Id>
Id named_id(std::string_view name) {
  return Id{named_uuid(name)};
}

/// An epoch numbers lives: of leaders, and of agents. Greater is later; 0 is "none".
using epoch = std::uint64_t;

}  // namespace cadre

template <class Tag>
struct std::hash<cadre::strong_id<Tag>> {
  std::size_t operator()(const cadre::strong_id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.text); }
};
