#include "import_task.hpp"

#include "config/did_you_mean.hpp"
#include "schemas/json.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace cadre::cli {

namespace {

using document = nlohmann::json;

constexpr std::string_view payload_prefix = "payload.";
constexpr std::size_t dependencies_max = 1'000;
constexpr std::size_t key_bytes_max = 500;
/// Ids, numbers and names of fields of a command on the wire.
constexpr std::size_t command_bytes = 400;
constexpr std::size_t dependency_bytes = 40;

tl::unexpected<failure> bad(std::string_view field, const std::string& why) {
  return fail(errc::bad_value, std::string{field} + ": " + why);
}

std::string unknown_field(std::string_view name) {
  return std::string{name.substr(0, 60)} + ": there is no such field" + config::did_you_mean(name, import_fields()) +
         " (there are " + config::join(import_fields()) + ")";
}

result<std::string> read_uuid(std::string_view field, std::string text) {
  if (!is_uuid(text)) return bad(field, "'" + text.substr(0, 60) + "' is not a UUID");
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

result<timestamp> read_time(std::string_view field, const std::string& text) {
  const auto t = from_iso(text);
  if (!t) return bad(field, "'" + text.substr(0, 60) + "' is not a time with a zone, such as 2026-11-21T03:51:13Z");
  return *t;
}

/// Sets a field that is text in both formats.
result<void> set_text(task_add& add, std::string_view field, const std::string& text) {
  if (text.find('\0') != std::string::npos) return bad(field, "holds a character U+0000");
  if (field == "id") {
    auto id = read_uuid(field, text);
    if (!id) return tl::unexpected{id.error()};
    add.id.text = *std::move(id);
  } else if (field == "mode") {
    if (!is_token(text)) return bad(field, "'" + text.substr(0, 60) + "' is not one word of a-z, 0-9 and -");
    add.mode = text;
  } else if (field == "agent") {
    if (!is_agent_path(text))
      return bad(field, "'" + text.substr(0, 60) + "' is not an agent's path, such as ceo.data.ingest");
    add.agent.text = text;
  } else if (field == "title") {
    add.title = text;
  } else if (field == "idempotency_key" || field == "concurrency_key") {
    if (text.size() > key_bytes_max) return bad(field, "longer than " + std::to_string(key_bytes_max) + " bytes");
    (field == "concurrency_key" ? add.concurrency_key : add.idempotency_key) = text;
  } else {
    const auto t = read_time(field, text);
    if (!t) return tl::unexpected{t.error()};
    (field == "deadline" ? add.deadline : add.run_after) = *t;
  }
  return {};
}

result<void> set_dependencies(task_add& add, const std::vector<std::string>& ids) {
  if (ids.size() > dependencies_max) return bad("depends_on", "more than 1,000 tasks");
  for (const auto& text : ids) {
    auto id = read_uuid("depends_on", text);
    if (!id) return tl::unexpected{id.error()};
    add.depends_on.push_back({*std::move(id)});
  }
  return {};
}

result<void> set_priority(task_add& add, std::optional<std::int64_t> priority) {
  if (!priority || *priority < 0 || *priority > 3) return bad("priority", "must be a number, 0 (most urgent) to 3");
  add.priority = *priority;
  return {};
}

result<void> set_json(task_add& add, const std::string& field, const document& value) {
  if (value.is_null() && field != "payload") return {};
  if (field == "payload") {
    add.payload.text = value.dump();
    return {};
  }
  if (field == "priority")
    return set_priority(add, value.is_number_integer() ? std::optional{value.get<std::int64_t>()} : std::nullopt);
  if (field == "draft") {
    if (!value.is_boolean()) return bad(field, "must be true or false");
    add.draft = value.get<bool>();
    return {};
  }
  if (field == "depends_on") {
    if (!value.is_array()) return bad(field, "must be an array of task ids");
    std::vector<std::string> ids;
    for (const auto& id : value) {
      if (!id.is_string()) return bad(field, "must be an array of task ids");
      ids.push_back(id.get<std::string>());
    }
    return set_dependencies(add, ids);
  }
  if (!value.is_string()) return bad(field, "must be text");
  return set_text(add, field, value.get_ref<const std::string&>());
}

/// What holds for a task of either format; fills in what it lacks.
result<task_add> finish(task_add add, const import_record& record, const import_defaults& defaults) {
  if (add.mode.empty() && add.agent.empty()) {
    add.mode = defaults.mode;
    add.agent.text = defaults.agent;
  }
  if (add.mode.empty() && add.agent.empty()) return bad("agent", "missing: say who does it, with agent or mode");
  if (add.id.empty()) add.id = import_id(record.line, record.text);
  if (std::find(add.depends_on.begin(), add.depends_on.end(), add.id) != add.depends_on.end())
    return bad("depends_on", "the task would wait for itself");
  if (wire_bytes_max(add) > import_record_bytes_max)
    return fail(errc::too_large,
                "payload: the task is longer than " + std::to_string(import_record_bytes_max) + " bytes");
  return add;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t from = text.find_first_not_of(' '); from != std::string::npos;) {
    const auto end = std::min(text.find(' ', from), text.size());
    words.push_back(text.substr(from, end - from));
    from = text.find_first_not_of(' ', end);
  }
  return words;
}

result<void> set_cell(task_add& add, const std::string& field, const std::string& cell) {
  if (field == "payload") {
    if (const auto problem = json_problem(cell); !problem.empty()) return bad(field, problem);
    add.payload.text = cell;
    return {};
  }
  if (field == "priority")
    return set_priority(add, cell.size() == 1 && std::isdigit(static_cast<unsigned char>(cell[0])) != 0
                                 ? std::optional<std::int64_t>{cell[0] - '0'}
                                 : std::nullopt);
  if (field == "draft") {
    if (cell != "true" && cell != "false") return bad(field, "must be true or false");
    add.draft = cell == "true";
    return {};
  }
  if (field == "depends_on") return set_dependencies(add, words_of(cell));
  return set_text(add, field, cell);
}

bool is_utf8(const std::string& text) {
  try {
    (void)document(text).dump();
    return true;
  } catch (const document::exception&) {
    return false;
  }
}

}  // namespace

const std::vector<std::string_view>& import_fields() {
  static const std::vector<std::string_view> names{"id",       "mode",       "agent",           "title",
                                                   "payload",  "priority",   "draft",           "run_after",
                                                   "deadline", "depends_on", "idempotency_key", "concurrency_key"};
  return names;
}

task_id import_id(std::int64_t line, std::string_view text) {
  return named_id<task_id>("import/" + std::to_string(line) + "/" + std::string{text});
}

std::size_t wire_bytes_max(const task_add& add) {
  return command_bytes + add.mode.size() + add.agent.text.size() + add.title.size() + add.payload.text.size() +
         add.idempotency_key.size() + add.concurrency_key.size() + dependency_bytes * add.depends_on.size();
}

result<task_add> read_json_task(const import_record& record, const import_defaults& defaults) {
  if (!record.error.empty()) return fail(errc::bad_value, record.error);
  if (const auto problem = json_problem(record.text); !problem.empty()) return fail(errc::bad_value, problem);
  const auto line = document::parse(record.text, nullptr, false);
  if (!line.is_object()) return fail(errc::bad_value, "a task is an object, such as {\"agent\":\"ceo.data.ingest\"}");
  task_add add;
  add.priority = defaults.priority;
  for (const auto& [field, value] : line.items()) {
    const auto& known = import_fields();
    if (std::find(known.begin(), known.end(), field) == known.end()) return fail(errc::bad_value, unknown_field(field));
    if (auto set = set_json(add, field, value); !set) return tl::unexpected{set.error()};
  }
  return finish(std::move(add), record, defaults);
}

result<csv_columns> csv_columns::read(const import_record& header) {
  if (!header.error.empty()) return fail(errc::bad_value, header.error);
  csv_columns columns;
  for (const auto& name : header.fields) {
    const auto& known = import_fields();
    const bool of_payload = name.size() > payload_prefix.size() && name.rfind(payload_prefix, 0) == 0;
    if (!of_payload && std::find(known.begin(), known.end(), name) == known.end())
      return fail(errc::bad_value, unknown_field(name));
    if (!is_utf8(name)) return bad("header", "not UTF-8");
    if (std::find(columns.names_.begin(), columns.names_.end(), name) != columns.names_.end())
      return bad(name, "stands twice in the header");
    columns.names_.push_back(name);
  }
  const auto has = [&](auto&& what) { return std::any_of(columns.names_.begin(), columns.names_.end(), what); };
  if (has([](const auto& n) { return n == "payload"; }) &&
      has([](const auto& n) { return n.rfind(payload_prefix, 0) == 0; }))
    return bad("payload", "either one column `payload` or columns `payload.NAME`, not both");
  return columns;
}

result<task_add> csv_columns::read_task(const import_record& row, const import_defaults& defaults) const {
  if (!row.error.empty()) return fail(errc::bad_value, row.error);
  if (row.fields.size() != names_.size())
    return fail(errc::bad_value, "the header has " + std::to_string(names_.size()) + " columns, this row " +
                                     std::to_string(row.fields.size()));
  task_add add;
  add.priority = defaults.priority;
  document payload = document::object();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto& cell = row.fields[i];
    if (cell.empty()) continue;
    if (!is_utf8(cell)) return bad(names_[i], "not UTF-8");
    if (names_[i].rfind(payload_prefix, 0) == 0) {
      if (cell.find('\0') != std::string::npos) return bad(names_[i], "holds a character U+0000");
      payload[names_[i].substr(payload_prefix.size())] = cell;
    } else if (auto set = set_cell(add, names_[i], cell); !set) {
      return tl::unexpected{set.error()};
    }
  }
  if (!payload.empty()) add.payload.text = payload.dump();
  return finish(std::move(add), row, defaults);
}

}  // namespace cadre::cli
