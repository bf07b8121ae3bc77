#include "kept_token.hpp"

#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace cadre::actors::supervision {

kept_token::kept_token(const incarnation_token& token) {
  if (token.empty()) return;
  if (is_uuid(token.text)) uuid_ = boost::uuids::string_generator{}(token.text);
  // Upper case, for one, would come back as another text.
  if (!uuid_.is_nil() && boost::uuids::to_string(uuid_) == token.text) return;
  uuid_ = {};
  text_ = std::make_unique<const std::string>(token.text);
}

incarnation_token kept_token::value() const {
  if (text_) return {*text_};
  return uuid_.is_nil() ? incarnation_token{} : incarnation_token{boost::uuids::to_string(uuid_)};
}

bool kept_token::operator==(const kept_token& other) const noexcept {
  if (text_ && other.text_) return *text_ == *other.text_;
  return !text_ && !other.text_ && uuid_ == other.uuid_;
}

}  // namespace cadre::actors::supervision
