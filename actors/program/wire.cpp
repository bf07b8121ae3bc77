#include "wire.hpp"

#include "actors/runner/json_line.hpp"
#include "schemas/json.hpp"
#include "schemas/text.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
template <class T>
using read_as = tl::expected<T, program_error>;

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t session_bytes_max = 100;

tl::unexpected<program_error> refuse(std::string_view code, std::string message) {
  return tl::unexpected<program_error>{{std::string{code}, std::move(message), milliseconds{0}}};
}

tl::unexpected<program_error> wrong(std::string message) {
  return refuse("bad_message", std::move(message));
}

/// A text of 1 to `bytes_max` bytes.
read_as<std::string> text_at(const json& body, const char* key, std::size_t bytes_max) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_string()) return wrong('"' + std::string{key} + "\" must be a string");
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > bytes_max)
    return wrong('"' + std::string{key} + "\" must have 1 to " + std::to_string(bytes_max) + " bytes");
  return text;
}

read_as<std::int64_t> integer_at(const json& body, const char* key, std::int64_t least) {
  const auto found = body.find(key);
  const bool fits =
      found != body.end() && found->is_number_integer() &&
      (!found->is_number_unsigned() || found->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits || found->get<std::int64_t>() < least)
    return wrong('"' + std::string{key} + "\" must be an integer of " + std::to_string(least) + " or more");
  return found->get<std::int64_t>();
}

read_as<run_id> run_at(const json& value) {
  if (!value.is_string() || !is_uuid(value.get_ref<const std::string&>()))
    return wrong("a run is named by the UUID that the claim gave");
  return run_id{value.get<std::string>()};
}

read_as<program_call> read_attach(const json& body) {
  attach_call call;
  auto name = text_at(body, "name", name_bytes_max);
  if (!name) return tl::unexpected{name.error()};
  call.name = *std::move(name);
  auto protocol = integer_at(body, "protocol", 1);
  if (!protocol) return tl::unexpected{protocol.error()};
  if (*protocol != program_protocol)
    return refuse("bad_value", "this fleet speaks protocol " + std::to_string(program_protocol) + ", not " +
                                   std::to_string(*protocol) + "; use a program or a fleet of the other version");
  return call;
}

read_as<program_call> read_claim(const json& body) {
  claim_call call;
  auto session = text_at(body, "session", session_bytes_max);
  if (!session) return tl::unexpected{session.error()};
  call.session = *std::move(session);
  auto seq = integer_at(body, "seq", 1);
  if (!seq) return tl::unexpected{seq.error()};
  call.seq = *seq;
  if (body.contains("wait_ms")) {
    auto wait = integer_at(body, "wait_ms", 0);
    if (!wait) return tl::unexpected{wait.error()};
    call.wait =
        std::clamp(milliseconds{std::min<std::int64_t>(*wait, claim_wait_max.count())}, claim_wait_min, claim_wait_max);
  }
  return call;
}

read_as<program_call> read_report(const json& body) {
  report_call call;
  auto session = text_at(body, "session", session_bytes_max);
  if (!session) return tl::unexpected{session.error()};
  call.session = *std::move(session);
  auto run = run_at(body.value("run", json{}));
  if (!run) return tl::unexpected{run.error()};
  call.run = *std::move(run);
  auto seq = integer_at(body, "seq", 1);
  if (!seq) return tl::unexpected{seq.error()};
  call.seq = *seq;
  const auto lines = body.find("lines");
  if (lines == body.end() || !lines->is_array() || lines->empty())
    return wrong("\"lines\" must be an array of at least one line");
  if (lines->size() > report_lines_max)
    return refuse("too_large", std::to_string(lines->size()) + " lines in one report; send at most " +
                                   std::to_string(report_lines_max) + ", and the rest in the next");
  for (const json& line : *lines) {
    if (line.is_string() && line.get_ref<const std::string&>().find('\n') != std::string::npos)
      return wrong("a text in \"lines\" must be one line");
    call.lines += (line.is_string() ? line.get<std::string>() : line.dump()) + '\n';
  }
  return call;
}

read_as<program_call> read_heartbeat(const json& body) {
  heartbeat_call call;
  auto session = text_at(body, "session", session_bytes_max);
  if (!session) return tl::unexpected{session.error()};
  call.session = *std::move(session);
  const auto runs = body.find("runs");
  if (runs == body.end() || !runs->is_array())
    return wrong("\"runs\" must be an array: the runs that the program works on");
  if (runs->size() > heartbeat_runs_max)
    return refuse("too_large", "more than " + std::to_string(heartbeat_runs_max) + " runs in one heartbeat");
  for (const json& value : *runs) {
    auto run = run_at(value);
    if (!run) return tl::unexpected{run.error()};
    call.runs.push_back(*std::move(run));
  }
  return call;
}

read_as<program_call> read_detach(const json& body) {
  auto session = text_at(body, "session", session_bytes_max);
  if (!session) return tl::unexpected{session.error()};
  return detach_call{*std::move(session)};
}

}  // namespace

tl::expected<program_call, program_error> read_call(std::string_view verb, std::string_view body) {
  if (verb == show_call::verb) return show_call{};
  const bool known = verb == attach_call::verb || verb == claim_call::verb || verb == report_call::verb ||
                     verb == heartbeat_call::verb || verb == detach_call::verb;
  if (!known)
    return refuse("unknown_kind",
                  in_quotes(verb) + " is no call; there are attach, claim, report, heartbeat and detach");
  const auto parsed = parse_json(body);
  if (!parsed) return wrong("the body of " + std::string{verb} + " is not good JSON: " + parsed.error().message);
  if (!parsed->is_object()) return wrong("the body of " + std::string{verb} + " must be a JSON object");
  if (verb == attach_call::verb) return read_attach(*parsed);
  if (verb == claim_call::verb) return read_claim(*parsed);
  if (verb == report_call::verb) return read_report(*parsed);
  if (verb == heartbeat_call::verb) return read_heartbeat(*parsed);
  return read_detach(*parsed);
}

std::string error_text(const program_error& error) {
  json e{{"code", error.code}, {"message", clean_text(error.message)}};
  if (error.retry_after.count() > 0) e["retry_after_ms"] = error.retry_after.count();
  return json{{"error", std::move(e)}}.dump();
}

std::string attached_text(const attachment& a) {
  return json{{"session", a.session},
              {"protocol", program_protocol},
              {"company", a.company},
              {"agent", a.agent},
              {"concurrency", a.concurrency},
              {"heartbeat_ms", a.heartbeat.count()},
              {"gone_after_ms", a.gone_after.count()},
              {"claim_wait_ms_max", claim_wait_max.count()},
              {"message_bytes_max", a.message_bytes_max},
              {"line_bytes_max", a.line_bytes_max},
              {"report_lines_max", report_lines_max}}
      .dump();
}

std::string none_text() {
  return R"({"op":"none"})";
}

std::string reported_text(const run_id& run, std::int64_t seq, std::string_view status) {
  return json{{"run", run.text}, {"seq", seq}, {"status", status}}.dump();
}

std::string heartbeat_text(const std::vector<stopped_run>& stop) {
  json listed = json::array();
  for (const auto& s : stop)
    listed.push_back({{"run", s.run.text}, {"code", s.code}, {"message", clean_text(s.message)}});
  return json{{"stop", std::move(listed)}}.dump();
}

std::string detached_text() {
  return R"({"detached":true})";
}

std::string show_text(const std::vector<program_row>& programs, std::size_t claims) {
  json listed = json::array();
  for (const auto& p : programs) {
    json runs = json::array();
    for (const auto& run : p.runs) runs.push_back(run.text);
    listed.push_back({{"name", clean_text(p.name)},
                      {"attached_ms", p.attached.count()},
                      {"silent_ms", p.silent.count()},
                      {"runs", std::move(runs)}});
  }
  return json{{"programs", std::move(listed)}, {"claims_waiting", claims}}.dump();
}

}  // namespace cadre::actors
