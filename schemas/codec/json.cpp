#include "fields_json.hpp"
#include "formats.hpp"

namespace cadre::codec {

shape json_node::kind() const noexcept {
  using type = nlohmann::json::value_t;
  switch (value_->type()) {
    case type::null:
      return shape::null;
    case type::boolean:
      return shape::boolean;
    case type::number_integer:
    case type::number_unsigned:
      return shape::integer;
    case type::number_float:
      return shape::fraction;
    case type::string:
      return shape::text;
    case type::array:
      return shape::list;
    case type::object:
      return shape::map;
    default:
      return shape::other;
  }
}

std::optional<json_node> json_node::field(std::string_view name, std::size_t&) const {
  const auto found = value_->find(name);
  if (found == value_->end()) return std::nullopt;
  return json_node{*found};
}

result<std::string> json_node::json() const {
  std::string text = value_->dump();
  if (auto problem = json_problem(text); !problem.empty()) return fail(errc::bad_message, std::move(problem));
  return text;
}

json_writer::tree json_writer::make(const json_text& json) {
  if (json.is_null()) return nullptr;
  if (json_problem(json.text).empty()) return tree::parse(json.text);
  return make(json.text);
}

std::string encode_json(const envelope& e) {
  return json_writer::make(e).dump();
}

std::string encode_json(const command& c) {
  return json_writer::make(c).dump();
}

result<envelope> decode_json(std::string_view text) {
  return read_json<envelope>(text);
}

result<command> decode_command_json(std::string_view text) {
  auto c = read_json<command>(text);
  if (c && c->id.empty()) c->id = new_id<command_id>();
  return c;
}

}  // namespace cadre::codec
