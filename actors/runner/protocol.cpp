#include "actors/runner/protocol.hpp"

#include "actors/runner/json_line.hpp"
#include "actors/runner/text.hpp"
#include "config/units.hpp"
#include "schemas/json.hpp"
#include "schemas/text.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>

namespace cadre::actors {
namespace {

using nlohmann::json;

constexpr std::size_t dataset_bytes_max = 100;
constexpr std::size_t finding_text_bytes_max = 1024;
constexpr std::size_t decision_note_bytes_max = 300;  // Cleaned, it is three times as long at most.
constexpr std::size_t failure_text_bytes_max = 4096;
constexpr std::size_t failure_log_bytes_max = 8192;

tl::unexpected<failure> wrong(std::string why) {
  return fail(errc::bad_output, std::move(why));
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// The string at `key`; `fallback` if it is missing or null.
result<std::string> text_at(const json& line, const char* key, std::string fallback = {}) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return fallback;
  if (!found->is_string()) return wrong('"' + std::string{key} + "\" must be a string");
  return found->get<std::string>();
}

/// Any JSON at `key`; null if it is missing.
json_text value_at(const json& line, const char* key) {
  const auto found = line.find(key);
  return found == line.end() ? json_text{} : json_text{found->dump()};
}

result<std::int64_t> integer_at(const json& line, const char* key, std::int64_t fallback, std::int64_t min,
                                std::int64_t max) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return fallback;
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() || found->get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
  if (fits && found->get<std::int64_t>() >= min && found->get<std::int64_t>() <= max) return found->get<std::int64_t>();
  return wrong('"' + std::string{key} + "\" must be an integer from " + std::to_string(min) + " to " +
               std::to_string(max));
}

/// The array at `key`; an empty one if it is missing or null.
result<json> array_at(const json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return json::array();
  if (!found->is_array()) return wrong('"' + std::string{key} + "\" must be an array");
  return *found;
}

result<journal_line> read_journal(const json& line) {
  auto level = text_at(line, "level", "info");
  if (!level) return tl::unexpected{level.error()};
  if (*level == "warn") *level = "warning";
  constexpr std::array<std::string_view, 4> levels{"debug", "info", "warning", "error"};
  if (std::find(levels.begin(), levels.end(), *level) == levels.end())
    return wrong("\"level\" must be debug, info, warning or error");
  if (!line.contains("text")) return wrong("a journal line needs \"text\"");
  auto text = text_at(line, "text");
  if (!text) return tl::unexpected{text.error()};
  return journal_line{*std::move(level), *std::move(text), value_at(line, "data")};
}

result<output_line> read_output(const json& line, const protocol_options& options) {
  if (options.audit) return wrong("an audit can't write outputs: the auditor never does the work it checks");
  if (options.investigation) return wrong("an investigation can't write outputs: it decides about the work of others");
  output_line out;
  auto dataset = text_at(line, "dataset");
  if (!dataset) return tl::unexpected{dataset.error()};
  out.dataset = *std::move(dataset);
  if (out.dataset.empty() || out.dataset.size() > dataset_bytes_max)
    return wrong("an output needs \"dataset\", a name of 1 to 100 bytes");
  const auto& allowed = options.datasets;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), out.dataset) == allowed.end())
    return wrong("the agent's `outputs:` do not name the dataset " + quote_bytes(out.dataset, dataset_bytes_max));
  const auto one = line.find("row");
  const auto many = line.find("rows");
  if ((one == line.end()) == (many == line.end())) return wrong("an output needs either \"row\" or \"rows\"");
  if (one != line.end()) {
    if (!one->is_object()) return wrong("\"row\" must be an object");
    out.rows.push_back({one->dump()});
    return out;
  }
  if (!many->is_array()) return wrong("\"rows\" must be an array of objects");
  out.rows.reserve(many->size());
  for (const json& row : *many) {
    if (!row.is_object()) return wrong("\"rows\"[" + std::to_string(out.rows.size()) + "] must be an object");
    out.rows.push_back({row.dump()});
  }
  return out;
}

result<metric_line> read_metric(const json& line) {
  auto name = text_at(line, "name");
  if (!name) return tl::unexpected{name.error()};
  if (name->empty()) return wrong("a metric needs \"name\"");
  const auto value = line.find("value");
  if (value == line.end() || !value->is_number()) return wrong("a metric needs \"value\", a number");
  return metric_line{*std::move(name), {value->dump()}};
}

result<void> read_task_ids(const json& line, task_add& add) {
  auto id = text_at(line, "id");
  if (!id) return tl::unexpected{id.error()};
  if (!id->empty() && !is_uuid(*id)) return wrong("\"id\" must be a UUID");
  add.id.text = *std::move(id);
  const auto depends = array_at(line, "depends_on");
  if (!depends) return tl::unexpected{depends.error()};
  for (const json& other : *depends) {
    if (!other.is_string() || !is_uuid(other.get_ref<const std::string&>()))
      return wrong("\"depends_on\" must be an array of task ids");
    add.depends_on.push_back({other.get<std::string>()});
  }
  return {};
}

result<task_line> read_task(const json& line) {
  task_add add;
  if (auto ids = read_task_ids(line, add); !ids) return tl::unexpected{ids.error()};
  for (const auto& [key, field] :
       {std::pair{"mode", &add.mode}, std::pair{"agent", &add.agent.text}, std::pair{"title", &add.title},
        std::pair{"idempotency_key", &add.idempotency_key}, std::pair{"concurrency_key", &add.concurrency_key}}) {
    auto text = text_at(line, key);
    if (!text) return tl::unexpected{text.error()};
    *field = *std::move(text);
  }
  if (add.mode.empty() && add.agent.empty()) return wrong("a task needs \"mode\" or \"agent\"");
  if (!add.agent.empty() && !is_agent_path(add.agent.text)) return wrong("\"agent\" must be an agent's path");
  const auto priority = integer_at(line, "priority", 2, 0, 3);
  if (!priority) return tl::unexpected{priority.error()};
  add.priority = *priority;
  for (const auto& [key, field] : {std::pair{"run_after", &add.run_after}, std::pair{"deadline", &add.deadline}}) {
    const auto us = integer_at(line, key, 0, 0, INT64_MAX);
    if (!us) return tl::unexpected{us.error()};
    field->us = *us;
  }
  if (const auto draft = line.find("draft"); draft != line.end()) {
    if (!draft->is_boolean()) return wrong("\"draft\" must be true or false");
    add.draft = draft->get<bool>();
  }
  add.payload = value_at(line, "payload");
  return task_line{std::move(add)};
}

result<decision_line> read_decision(const json& line, const protocol_options& options) {
  if (!options.investigation) return wrong("only an investigation (op: investigate) may decide");
  decision_line d;
  const auto action = text_at(line, "action");
  if (!action) return tl::unexpected{action.error()};
  if (!from_text(*action, d.action))
    return wrong("\"action\" must be resolve, retry, reassign, delegate, snooze or escalate");
  auto note = text_at(line, "note");
  if (!note) return tl::unexpected{note.error()};
  d.note = clean_text(note->substr(0, decision_note_bytes_max));
  auto to = text_at(line, "to");
  if (!to) return tl::unexpected{to.error()};
  const bool needs_to = d.action == escalation_action::reassign || d.action == escalation_action::delegate;
  if (needs_to && !is_agent_path(*to)) return wrong("\"to\" must be an agent's path");
  d.to.text = *std::move(to);
  const auto time = text_at(line, "for");
  if (!time) return tl::unexpected{time.error()};
  if (d.action == escalation_action::snooze && time->empty()) return wrong("to snooze needs \"for\", such as \"2h\"");
  if (time->empty()) return d;
  const auto length = config::parse_duration(*time);
  if (!length) return wrong("\"for\": " + length.error().message);
  d.for_ms = length->count();
  return d;
}

result<audit_finding> read_finding(const json& line, const protocol_options& options) {
  if (!options.audit) return wrong("only an audit may have findings");
  audit_finding finding;
  auto check = text_at(line, "check", "command");
  if (!check) return tl::unexpected{check.error()};
  auto message = text_at(line, "message");
  if (!message) return tl::unexpected{message.error()};
  if (message->empty()) return wrong("a finding needs \"message\"");
  // Cutting may split a character, hence clean_text.
  finding.check = clean_text(check->substr(0, dataset_bytes_max));
  finding.message = clean_text(message->substr(0, finding_text_bytes_max));
  const auto samples = array_at(line, "sample_rows");
  if (!samples) return tl::unexpected{samples.error()};
  for (const json& row : *samples) {
    if (finding.sample_rows.size() == sample_rows_max) break;
    finding.sample_rows.push_back(sample_row({}, row.dump()));
  }
  const auto count = integer_at(line, "count", static_cast<std::int64_t>(samples->size()), 0, INT64_MAX);
  if (!count) return tl::unexpected{count.error()};
  finding.count = *count;
  return finding;
}

/// Lenient about the level and the name: an alert must not be lost over its spelling.
result<alert> read_alert(const json& value) {
  alert a;
  a.problem = "alert";
  a.evidence = {value.dump()};
  if (value.is_string()) {
    a.message = value.get<std::string>();
    return a;
  }
  if (!value.is_object()) return wrong("each of \"alerts\" must be an object {level,problem,message} or a string");
  const auto get = [&](const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  from_text(get("level"), a.level);
  if (auto problem = get("problem"); !problem.empty()) a.problem = std::move(problem);
  a.message = get("message");
  return a;
}

result<response> read_response(const json& line, const protocol_options& options) {
  response r;
  auto agent = text_at(line, "agent");
  if (!agent) return tl::unexpected{agent.error()};
  r.agent = *std::move(agent);
  if (const auto at = line.find("timestamp"); at != line.end() && !at->is_null())
    r.timestamp = at->is_string() ? at->get<std::string>() : at->dump();
  if (const auto metrics = line.find("metrics"); metrics != line.end() && !metrics->is_null()) {
    if (!metrics->is_object()) return wrong("\"metrics\" must be an object");
    r.metrics = {metrics->dump()};
  }
  const auto alerts = array_at(line, "alerts");
  if (!alerts) return tl::unexpected{alerts.error()};
  if (static_cast<std::int64_t>(alerts->size()) > options.alerts_max)
    return wrong("\"alerts\" has more than " + std::to_string(options.alerts_max) + " entries");
  for (const json& value : *alerts) {
    auto one = read_alert(value);
    if (!one) return tl::unexpected{one.error()};
    r.alerts.push_back(*std::move(one));
  }
  r.alerts_text = {alerts->dump()};
  const auto recommendations = array_at(line, "recommendations");
  if (!recommendations) return tl::unexpected{recommendations.error()};
  r.recommendations = {recommendations->dump()};
  return r;
}

result<said_failure> read_failure(const json& line) {
  said_failure f;
  auto code = text_at(line, "code", "failed");
  if (!code) return tl::unexpected{code.error()};
  if (code->empty() || code->size() > dataset_bytes_max) return wrong("\"code\" must be a name of 1 to 100 bytes");
  auto message = text_at(line, "message");
  if (!message) return tl::unexpected{message.error()};
  if (message->empty()) return wrong("a failure needs \"message\"");
  auto log = text_at(line, "log");
  if (!log) return tl::unexpected{log.error()};
  if (const auto retryable = line.find("retryable"); retryable != line.end()) {
    if (!retryable->is_boolean()) return wrong("\"retryable\" must be true or false");
    f.retryable = retryable->get<bool>();
  }
  f.code = clean_text(*code);
  f.message = clean_text(message->substr(0, failure_text_bytes_max));
  f.log = clean_text(log->substr(log->size() - std::min(log->size(), failure_log_bytes_max)));
  return f;
}

result<progress_line> read_progress(json line) {
  line.erase("type");
  return progress_line{{line.dump()}};
}

std::string signal_text(int signal) {
  const char* name = sigabbrev_np(signal);
  return "signal " + std::to_string(signal) + (name == nullptr ? "" : " (SIG" + std::string{name} + ")");
}

}  // namespace

protocol_reader::protocol_reader(protocol_options options) : options_{std::move(options)} {}

void protocol_reader::refuse(errc code, std::string_view line, const std::string& why) {
  error_ = failure{code, "line " + std::to_string(lines_) + ": " + why + ": " + quote_bytes(line)};
  partial_ = {};
}

void protocol_reader::read_line(std::string_view line, std::vector<protocol_item>& items) {
  if (is_blank(line)) return;
  if (response_) return refuse(errc::bad_output, line, "nothing may follow the response");
  if (failed_) return refuse(errc::bad_output, line, "nothing may follow the failure");
  auto parsed = parse_json(line);
  if (!parsed) return refuse(errc::bad_output, line, parsed.error().message);
  if (!parsed->is_object()) return refuse(errc::bad_output, line, "a line must be an object");
  const auto type = text_at(*parsed, "type");
  if (!type) return refuse(errc::bad_output, line, type.error().message);

  const auto take = [&](auto&& item) {
    if (!item) return refuse(errc::bad_output, line, item.error().message);
    items.push_back({lines_, *std::forward<decltype(item)>(item)});
  };
  const auto within = [&](std::int64_t count, std::int64_t max, const char* what) {
    if (count > max) refuse(errc::bad_output, line, "more than " + std::to_string(max) + ' ' + what);
    return count <= max;
  };
  if (*type == "journal") return take(read_journal(*parsed));
  if (*type == "progress") return take(read_progress(*std::move(parsed)));
  if (*type == "output") return take(read_output(*parsed, options_));
  if (*type == "decision") return take(read_decision(*parsed, options_));
  if (*type == "finding") {
    if (within(++findings_, options_.findings_max, "findings")) take(read_finding(*parsed, options_));
  } else if (*type == "task") {
    if (within(++tasks_, options_.tasks_max, "tasks")) take(read_task(*parsed));
  } else if (*type == "metric") {
    auto metric = read_metric(*parsed);
    if (metric) metrics_[metric->name] = metric->value.text;
    if (within(static_cast<std::int64_t>(metrics_.size()), options_.metrics_max, "metrics")) take(std::move(metric));
  } else if (*type == "response") {
    auto end = read_response(*parsed, options_);
    if (!end) return refuse(errc::bad_output, line, end.error().message);
    response_ = *std::move(end);
  } else if (*type == "failure" && options_.attached) {
    auto end = read_failure(*parsed);
    if (!end) return refuse(errc::bad_output, line, end.error().message);
    failed_ = *std::move(end);
  } else {
    refuse(errc::bad_output, line, type->empty() ? "a line needs \"type\"" : "unknown \"type\"");
  }
}

std::vector<protocol_item> protocol_reader::feed(std::string_view bytes) {
  std::vector<protocol_item> items;
  const auto line_max = static_cast<std::size_t>(options_.line_bytes_max);
  const auto budget = static_cast<std::size_t>(options_.output_bytes_max - bytes_);
  const bool over = bytes.size() > budget;
  bytes = bytes.substr(0, budget);
  while (!error_ && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (partial_.size() + part.size() > line_max) {
      // Quoting from the start of the line, wherever the pieces were cut.
      partial_ += part.substr(0, line_max + 1 - partial_.size());
      ++lines_;
      refuse(errc::too_large, std::string{partial_},
             "longer than line_bytes_max = " + std::to_string(line_max) + " bytes");
      break;
    }
    bytes_ += static_cast<std::int64_t>(part.size());
    if (end == std::string_view::npos) {
      partial_ += part;
      break;
    }
    ++bytes_;
    ++lines_;
    bytes.remove_prefix(end + 1);
    if (partial_.empty()) {
      read_line(part, items);
    } else {
      partial_ += part;
      read_line(std::exchange(partial_, {}), items);
    }
  }
  if (over && !error_)
    error_ = failure{errc::too_large, "more than output_bytes_max = " + std::to_string(options_.output_bytes_max) +
                                          " bytes on stdout, after line " + std::to_string(lines_)};
  return items;
}

result<response> protocol_reader::finish(const exit_info& exit) const {
  using end = exit_info::end;
  if (error_) return tl::unexpected{*error_};
  const std::string so_far = " after " + std::to_string(lines_) + " lines of output";
  switch (exit.how) {
    case end::not_started:
      return tl::unexpected{exit.start_error};
    case end::timed_out:
      return fail(errc::timed_out, "killed after " + std::to_string(exit.elapsed.count()) + " ms" + so_far);
    case end::stopped:
      return fail(errc::cancelled, "stopped by the node" + so_far);
    case end::signalled:
      return fail(errc::signalled, "ended by " + signal_text(exit.signal) + so_far);
    case end::exited:
      break;
  }
  if (exit.code != 0) return fail(errc::exit_code, "exit code " + std::to_string(exit.code) + so_far);
  if (failed_) return fail(errc::worker_failed, failed_->code + ": " + failed_->message);
  if (!is_blank(partial_))
    return fail(errc::bad_output,
                "line " + std::to_string(lines_ + 1) + ": the last line has no newline: " + quote_bytes(partial_));
  if (!response_) return fail(errc::no_response, "exit code 0 without a response line" + so_far);
  response whole = *response_;
  if (!metrics_.empty()) {
    json merged = json::object();
    for (const auto& [name, value] : metrics_) merged[name] = json::parse(value);
    merged.update(json::parse(whole.metrics.text));
    whole.metrics = {merged.dump()};
  }
  return whole;
}

}  // namespace cadre::actors
