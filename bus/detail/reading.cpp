#include "reading.hpp"

#include "schemas/codec.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"

namespace cadre::bus::detail {

namespace {

/// Notes the keys of the outermost object and skips everything else, so a hostile document costs no memory.
struct key_scan : nlohmann::json_sax<nlohmann::json> {
  int depth = 0;
  bool kind = false, body = false, company = false;

  bool key(string_t& name) override {
    if (depth == 1) {
      kind = kind || name == "kind";
      body = body || name == "body";
      company = company || name == "company";
    }
    return true;
  }
  bool start_object(std::size_t) override { return ++depth, true; }
  bool end_object() override { return --depth, true; }
  bool start_array(std::size_t) override { return ++depth, true; }
  bool end_array() override { return --depth, true; }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};

bool is_bare_command(std::string_view bytes) {
  key_scan scan;
  return nlohmann::json::sax_parse(bytes, &scan) && scan.kind && scan.body && !scan.company;
}

result<envelope> wrap_command(std::string_view company, std::string_view bytes) {
  auto one = codec::decode_command_json(bytes);
  if (!one) return tl::unexpected(one.error());
  envelope e;
  e.id = new_id<message_id>();
  e.company = company;
  e.from = one->from;
  e.incarnation = one->incarnation;
  e.sent_at = now();
  command_batch batch;
  batch.commands.push_back(std::move(*one));
  e.body = std::move(batch);
  return e;
}

}  // namespace

reading read_message(std::string_view company, std::string_view subject, std::string_view content_type,
                     std::string_view bytes, std::size_t bytes_max) {
  reading r;
  r.json = content_type.starts_with(codec::json_type) || (content_type.empty() && bytes.starts_with('{'));
  if (bytes.size() > bytes_max) {
    r.message = fail(errc::too_large, "a message of " + std::to_string(bytes.size()) + " bytes; at most " +
                                          std::to_string(bytes_max) + " are allowed");
    return r;
  }
  if (r.json && subject.starts_with(subjects::command(company, "")) && is_bare_command(bytes)) {
    r.message = wrap_command(company, bytes);
    return r;
  }
  r.message = codec::decode(bytes, content_type);
  if (!r.message || r.message->company == company) return r;
  r.sender = r.message->company + "/" + r.message->from;
  r.message = fail(errc::wrong_company, "the message is of company \"" + r.message->company + "\"; this fleet runs \"" +
                                            std::string(company) + "\"");
  return r;
}

}  // namespace cadre::bus::detail
