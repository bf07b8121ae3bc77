#include "commands.hpp"
#include "config/did_you_mean.hpp"
#include "import_input.hpp"
#include "importer.hpp"
#include "print.hpp"
#include "progress.hpp"
#include "schemas/json.hpp"

#include <iostream>
#include <memory>
#include <set>

namespace cadre::cli {

namespace {

using json_document = nlohmann::json;

constexpr std::int64_t errors_printed_max = 20;
constexpr std::size_t errors_listed_max = 10'000;

struct import_options {
  std::string file, format;
  import_defaults defaults;
  bool atomic = false;
  bool quiet = false;
};

import_format format_of(const import_options& o) {
  if (!o.format.empty()) return o.format == "csv" ? import_format::csv : import_format::json_lines;
  const bool csv = o.file.size() > 4 && o.file.compare(o.file.size() - 4, 4, ".csv") == 0;
  return csv ? import_format::csv : import_format::json_lines;
}

/// Prints the first errors as they come, and keeps a bounded list for `--json`.
class import_errors {
 public:
  import_errors(std::string file, bool json, progress_meter*& meter)
      : file_{file == "-" ? "stdin" : std::move(file)}, json_{json}, meter_{meter} {}

  void add(const import_error& e) {
    ++count_;
    if (json_) {
      if (list_.size() < errors_listed_max) list_.push_back({{"line", e.line}, {"error", e.message}});
    } else if (count_ <= errors_printed_max) {
      if (meter_) meter_->clear();
      std::cerr << file_ << ":" << e.line << ": " << cell(e.message) << "\n";
    }
  }
  void end() const {
    if (!json_ && count_ > errors_printed_max)
      std::cerr << "and " << with_commas(count_ - errors_printed_max) << " more lines with errors\n";
  }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] const json_document& list() const { return list_; }

 private:
  std::string file_;
  bool json_;
  progress_meter*& meter_;
  std::int64_t count_ = 0;
  json_document list_ = json_document::array();
};

/// Who there is to work, as far as the database tells.
class company_roster {
 public:
  explicit company_roster(session& s) {
    for (const auto& agent : json_document::parse(s.rows(storage::queries::agents(s.company())))) {
      agents_.insert(agent["path"].get<std::string>());
      modes_.insert(agent["mode"].get<std::string>());
    }
  }

  result<task_add> check(result<task_add> task) const {
    if (!task) return task;
    if (const auto& agent = task->agent.text; !agent.empty() && agents_.count(agent) == 0)
      return fail(errc::not_found,
                  "agent: there is no agent " + agent + config::did_you_mean(agent, {agents_.begin(), agents_.end()}));
    if (task->agent.empty() && modes_.count(task->mode) == 0)
      return fail(errc::not_found, "mode: no agent has the mode " + task->mode +
                                       config::did_you_mean(task->mode, {modes_.begin(), modes_.end()}));
    return task;
  }

 private:
  std::set<std::string> agents_, modes_;
};

class import_run {
 public:
  import_run(const fleet_options& fleet, const import_options& o)
      : o_{o}, json_{fleet.json}, input_{o.file, stop_}, errors_{o.file, fleet.json, meter_}, session_{fleet} {}

  int run() {
    if (o_.atomic && !input_.can_rewind()) input_.spool();
    std::int64_t lines = 0;
    if (o_.atomic) {
      const company_roster roster{session_};
      read_all(0, [&](const import_record& record, result<task_add> task) {
        lines = record.line;
        if (auto checked = roster.check(std::move(task)); !checked) errors_.add({record.line, checked.error().message});
      });
      if (stop_.asked()) throw command_error{exit_findings, "stopped while the file was checked; nothing was sent"};
      if (errors_.count() > 0) return refuse_all();
      input_.rewind();
    } else if (input_.can_rewind() && !o_.quiet) {
      lines = input_.count_lines();
    }
    return add_all(lines);
  }

 private:
  /// Hands every record with what it was read as to `each`, until the end or until a stop is asked for.
  void read_all(std::int64_t lines_total, const std::function<void(const import_record&, result<task_add>)>& each) {
    progress_meter meter{o_.atomic && lines_total == 0 ? "lines checked" : "lines", lines_total, o_.quiet};
    meter_ = &meter;
    const std::shared_ptr<void> forget{nullptr, [this](void*) { meter_ = nullptr; }};
    const auto format = format_of(o_);
    record_reader reader{format, [this](char* to, std::size_t max) { return input_.read(to, max); }};
    std::optional<csv_columns> columns;
    while (auto record = reader.next()) {
      // The last record may be cut off.
      if (stop_.asked()) return;
      if (format == import_format::json_lines) {
        each(*record, read_json_task(*record, o_.defaults));
      } else if (columns) {
        each(*record, columns->read_task(*record, o_.defaults));
      } else {
        auto header = csv_columns::read(*record);
        if (!header) {
          errors_.add({record->line, header.error().message});
          header_is_wrong_ = true;
          return;
        }
        columns = *std::move(header);
      }
      meter.at(reader.lines());
    }
  }

  int refuse_all() {
    errors_.end();
    if (json_) {
      print_json({{"added", 0}, {"there_already", 0}, {"refused_count", errors_.count()}, {"refused", errors_.list()}});
    } else {
      std::cout << "nothing was sent: " << with_commas(errors_.count()) << " refused\n";
    }
    return exit_findings;
  }

  int add_all(std::int64_t lines_total) {
    importer adds{{[this](const auto& ids) { return known(ids); },
                   [this](auto batch) { return session_.order_all(std::move(batch)); },
                   [this](const auto& error) { errors_.add(error); }}};
    try {
      read_all(lines_total, [&](const auto& record, auto task) { adds.take(record.line, std::move(task)); });
      if (header_is_wrong_) return refuse_all();
      if (!stop_.asked()) adds.flush();
    } catch (const command_error& e) {
      if (e.code != exit_unreachable && adds.tally().lines_done == 0) throw;
      throw command_error{e.code, e.message + "\n" + stopped_at(adds.tally())};
    }
    return say(adds.tally());
  }

  int say(const import_tally& tally) {
    errors_.end();
    if (json_) {
      print_json({{"added", tally.added},
                  {"there_already", tally.there_already},
                  {"refused_count", tally.refused},
                  {"refused", errors_.list()},
                  {"lines_done", tally.lines_done},
                  {"stopped", stop_.asked()}});
    } else {
      std::cout << with_commas(tally.added) << " added";
      if (tally.there_already > 0) std::cout << ", " << with_commas(tally.there_already) << " were there already";
      if (tally.refused > 0) std::cout << ", " << with_commas(tally.refused) << " refused";
      std::cout << "\n";
    }
    if (stop_.asked()) std::cerr << "cadre: " << stopped_at(tally) << "\n";
    return stop_.asked() || tally.refused > 0 ? exit_findings : exit_ok;
  }

  std::unordered_set<std::string> known(const std::vector<std::string>& ids) {
    std::unordered_set<std::string> found;
    for (const auto& row :
         json_document::parse(session_.rows(storage::queries::tasks_with_ids(session_.company(), ids))))
      found.insert(row["id"].get<std::string>());
    return found;
  }

  static std::string stopped_at(const import_tally& tally) {
    if (tally.lines_done == 0) return "stopped before the first batch was in; the same command starts again";
    return "stopped: all is in up to line " + with_commas(tally.lines_done) +
           (tally.refused > 0 ? " but what was refused" : "") + "; the same command goes on from there";
  }

  const import_options& o_;
  bool json_;
  stop_request stop_;
  import_input input_;
  bool header_is_wrong_ = false;
  progress_meter* meter_ = nullptr;
  import_errors errors_;
  session session_;
};

}  // namespace

void add_import_command(const command& task, fleet_options& fleet) {
  auto o = std::make_shared<import_options>();
  auto sub = task.add_command(
      "import",
      "Add the tasks of a file: JSON Lines or CSV.\n"
      "Fields, as keys or as columns: id, mode, agent, title, payload, priority, draft, run_after, deadline,\n"
      "depends_on, idempotency_key, concurrency_key; in CSV also payload.NAME. Times have a zone: "
      "2026-11-21T03:51:13Z.\n"
      "depends_on is ids (CSV: with spaces between) of tasks that are there already or stand further up in the file.\n"
      "Lines with errors are named and left out, the rest goes in. A task without an id gets one from its line's text\n"
      "and number: importing the file again adds only what is missing. So mend lines in their place.");
  add_listing_options(sub, fleet);
  sub.add("FILE", o->file, "The file; - is stdin").required();
  sub.add("--format", o->format, "jsonl or csv (default: csv for FILE.csv, else jsonl)").one_of({"jsonl", "csv"});
  sub.add("--agent", o->defaults.agent, "The agent of lines that name neither agent nor mode");
  sub.add("--mode", o->defaults.mode, "The mode of lines that name neither agent nor mode");
  sub.add("--priority", o->defaults.priority, "The priority of lines without one").range(0, 3).default_shown();
  sub.add(
      "--atomic", o->atomic,
      "Check the whole file first, and send nothing if a line is wrong: its syntax, its fields, and that its agent "
      "or mode exists. What only the writer can refuse, such as an unknown task in depends_on or an agent that runs "
      "nothing, is refused by line. Interrupted, what was sent stays; the same command adds the rest");
  sub.add("--quiet", o->quiet, "No progress on stderr");
  sub.examples(
      "  cadre task import backlog.jsonl --mode data\n"
      "  cadre task import --atomic orders.csv\n"
      "  echo '{\"agent\":\"ceo.data.ingest\",\"payload\":{\"n\":1}}' | cadre task import -");
  sub.does([=, &fleet] {
    if (!o->defaults.agent.empty() && !is_agent_path(o->defaults.agent))
      throw command_error{exit_usage, "'" + o->defaults.agent + "' is not an agent's path, such as ceo.data.ingest"};
    if (!o->defaults.mode.empty() && !is_token(o->defaults.mode))
      throw command_error{exit_usage, "'" + o->defaults.mode + "' is not a mode: one word of a-z, 0-9 and -"};
    return import_run{fleet, *o}.run();
  });
}

}  // namespace cadre::cli
