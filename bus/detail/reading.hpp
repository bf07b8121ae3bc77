#pragma once

#include "schemas/messages.hpp"

#include <string>
#include <string_view>

namespace cadre::bus::detail {

/// What a message on a subject turned out to be.
struct reading {
  result<envelope> message = fail(errc::internal, "not read");
  std::string sender;  ///< `COMPANY/FROM` of a message that was decoded and refused; else empty.
  bool json = false;
};

/// Decodes and checks a message that arrived: its size, its form, its company. Pure.
/// On a subject cadre.COMPANY.cmd.KIND a JSON object with `kind` and `body` and without `company` is a command alone
/// and becomes a command_batch of one.
reading read_message(std::string_view company, std::string_view subject, std::string_view content_type,
                     std::string_view bytes, std::size_t bytes_max);

}  // namespace cadre::bus::detail
