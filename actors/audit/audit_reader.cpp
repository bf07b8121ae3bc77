#include "audit_reader.hpp"

#include "actors/audit/checks.hpp"
#include "actors/runner/request.hpp"
#include "schemas/json.hpp"
#include "storage/read/queries.hpp"

#include <algorithm>

namespace cadre::actors {

namespace {

constexpr std::chrono::seconds sql_check_time_max{30};

audit_material failed(failure why) {
  audit_material m;
  m.error = std::move(why);
  return m;
}

/// How many earlier outputs the checks want to know of.
std::int64_t history_wanted(const audit_order& order) {
  std::int64_t most = 0;
  for (const auto& check : order.checks)
    if (check.type == config::check_spec::kind::drift && (check.dataset.empty() || check.dataset == order.dataset))
      most = std::max(most, check.drift.history);
  return most;
}

result<std::vector<output_statistics>> read_history(storage::reader& source, const std::string& company,
                                                    const audit_order& order, std::int64_t limit) {
  const auto found = source.rows(storage::queries::output_history(company, order.worker.text, order.dataset, limit));
  if (!found) return tl::unexpected{found.error()};
  std::vector<output_statistics> history;
  for (const auto& row : nlohmann::json::parse(*found))
    history.push_back(statistics_of(row["rows"].get<std::int64_t>(), row["columns"]));
  return history;
}

result<sql_offenders> find_missing(storage::reader& source, const std::string& company, const audit_order& order,
                                   const config::check_spec& check) {
  const auto found = source.looked_up(storage::queries::missing_references(
      company, order.output.text, check.columns.front(), check.other_dataset, check.other_column));
  if (!found) return tl::unexpected{found.error()};
  const auto row = nlohmann::json::parse(*found);
  sql_offenders offenders;
  offenders.count = row["count"].get<std::int64_t>();
  for (const auto& sample : row["sample_rows"]) offenders.sample_rows.push_back(json_text{sample.dump()});
  return offenders;
}

result<total_pair> add_up(storage::reader& source, const std::string& company, const audit_order& order,
                          const config::check_spec& check) {
  const auto found = source.looked_up(storage::queries::totals(company, order.output.text,
                                                               check.columns.empty() ? "" : check.columns.front(),
                                                               check.other_dataset, check.other_column));
  if (!found) return tl::unexpected{found.error()};
  const auto row = nlohmann::json::parse(*found);
  return total_pair{row["rows"].get<std::int64_t>(), row["other_rows"].get<std::int64_t>(), row["sum"].get<double>(),
                    row["other_sum"].get<double>()};
}

audit_material read(storage::reader& source, const std::string& company, const audit_order& order) {
  const auto known = source.row(storage::queries::output(company, order.output.text));
  if (!known) return failed(known.error());
  const auto row = nlohmann::json::parse(*known);
  audit_material material;
  if (row.is_null()) return failed({errc::not_found, "output " + order.output.text + " does not exist"});
  material.status = row["status"].get<std::string>();
  if (material.status != "sealed") return material;

  auto checks = check_runner::make(order.checks, order.dataset, order.sample, order.output.text,
                                   row["row_count"].get<std::int64_t>());
  if (!checks) return failed(checks.error());
  bool fits = true;
  const auto done = source.staged_rows(company, order.output.text, [&](std::string_view key, std::string_view text) {
    const bool given = checks->add_row(key, text);
    if (!order.with_rows || !given) return true;
    material.row_lines += row_line(order.dataset, key, json_text{std::string{text}});
    fits = static_cast<std::int64_t>(material.row_lines.size()) <= order.rows_bytes_max;
    return fits;
  });
  if (!done) return failed(done.error());
  if (!fits)
    return failed({errc::too_large, "the rows of output " + order.output.text + " are over the auditor's bound of " +
                                        std::to_string(order.rows_bytes_max) + " bytes"});
  material.rows = checks->rows();
  material.rows_given = checks->rows_given();

  check_context context;
  context.canonical_rows = row["canonical_rows"].get<std::int64_t>();
  if (const auto kept = history_wanted(order); kept > 0) {
    auto history = read_history(source, company, order, kept);
    if (!history) return failed(history.error());
    context.history = std::move(*history);
  }
  context.find_missing = [&](const config::check_spec& check) { return find_missing(source, company, order, check); };
  context.add_up = [&](const config::check_spec& check) { return add_up(source, company, order, check); };
  context.run_sql = [&](const config::check_spec& check) -> result<sql_offenders> {
    auto found = source.offending_rows(check.sql, order.output.text, sql_check_time_max);
    if (!found) return tl::unexpected{found.error()};
    sql_offenders offenders;
    offenders.count = found->count;
    for (auto& sample : found->sample_rows) offenders.sample_rows.push_back(json_text{std::move(sample)});
    return offenders;
  };
  auto report = checks->finish(context);
  material.rows_checked = report.rows_checked;
  material.findings = std::move(report.findings);
  material.notes = std::move(report.notes);
  material.statistics =
      json_text{to_json(report.statistics).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  return material;
}

}  // namespace

caf::behavior audit_reader(caf::stateful_actor<audit_reader_state>* self, std::string reader_url, std::string company) {
  return {
      [=](const audit_order& order) -> audit_material {
        auto& source = self->state.source;
        if (!source) {
          auto opened = storage::reader::open(reader_url);
          if (!opened) return failed(opened.error());
          source = std::move(*opened);
        }
        return read(*source, company, order);
      },
  };
}

}  // namespace cadre::actors
