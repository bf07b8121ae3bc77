#pragma once

#include "schemas/ids.hpp"

#include <boost/uuid/uuid.hpp>

#include <memory>
#include <string>

namespace cadre::actors::supervision {

/// A token as large tables keep it: 24 bytes instead of the 80 of its text. A text that is no UUID is kept, too, only
/// not as small.
class kept_token {
 public:
  kept_token() = default;
  explicit kept_token(const incarnation_token& token);

  [[nodiscard]] incarnation_token value() const;
  [[nodiscard]] bool empty() const noexcept { return uuid_.is_nil() && !text_; }
  bool operator==(const incarnation_token& other) const { return *this == kept_token{other}; }
  bool operator==(const kept_token& other) const noexcept;

 private:
  boost::uuids::uuid uuid_{};                ///< Nil: see `text_`.
  std::unique_ptr<const std::string> text_;  ///< Of what is not exactly the text of a UUID.
};

}  // namespace cadre::actors::supervision
