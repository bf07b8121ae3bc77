#pragma once

#include "schemas/error.hpp"
#include "schemas/task.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What a message says, before a channel gives it its form. Pure.
namespace cadre::notify {

struct notice {
  std::string id;  ///< Of the delivery: the same at each attempt, for whoever drops repeats.
  std::string company;
  std::string channel;
  std::string kind;  ///< escalations, brief or test.
  severity worst = severity::info;
  std::int64_t count = 0;  ///< Notifications in it.
  std::string title;       ///< One line.
  std::string text;        ///< UTF-8, for people.
  std::string html;        ///< The same as a page.
  std::string document;    ///< The same as a JSON object, for programs.
};

struct addressed {
  std::string delivery, company, channel;
};

/// Makes the message of what `storage::queries::delivery_parts` found. However many notifications it stands for, it
/// shows the 20 worst, and counts all. Errors: bad_message if `parts` is no such document, not_found if nothing is in
/// it.
result<notice> compose_notice(const addressed& to, std::string_view parts);

/// The beginning of a text, at most `bytes_max` bytes, cut between characters, with `...` where it was cut.
std::string shortened(std::string_view text, std::size_t bytes_max);

}  // namespace cadre::notify
