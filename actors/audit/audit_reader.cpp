#include "audit_reader.hpp"

#include "actors/audit/checks.hpp"
#include "actors/runner/request.hpp"
#include "schemas/json.hpp"
#include "storage/read/queries.hpp"

namespace cadre::actors {

namespace {

constexpr std::chrono::seconds sql_check_time_max{30};

audit_material failed(failure why) {
  audit_material m;
  m.error = std::move(why);
  return m;
}

audit_material read(storage::reader& source, const std::string& company, const audit_order& order) {
  const auto known = source.row(storage::queries::output(company, order.output.text));
  if (!known) return failed(known.error());
  const auto row = nlohmann::json::parse(*known);
  audit_material material;
  if (row.is_null()) return failed({errc::not_found, "output " + order.output.text + " does not exist"});
  material.status = row["status"].get<std::string>();
  if (material.status != "sealed") return material;

  auto checks = check_runner::make(order.checks, order.dataset);
  if (!checks) return failed(checks.error());
  bool fits = true;
  const auto done = source.staged_rows(company, order.output.text, [&](std::string_view key, std::string_view text) {
    checks->add_row(key, text);
    if (!order.with_rows) return true;
    material.row_lines += row_line(order.dataset, key, json_text{std::string{text}});
    fits = static_cast<std::int64_t>(material.row_lines.size()) <= order.rows_bytes_max;
    return fits;
  });
  if (!done) return failed(done.error());
  if (!fits)
    return failed({errc::too_large, "the rows of output " + order.output.text + " are over the auditor's bound of " +
                                        std::to_string(order.rows_bytes_max) + " bytes"});
  material.rows = checks->rows();

  check_context context;
  context.canonical_rows = row["canonical_rows"].get<std::int64_t>();
  context.run_sql = [&](const config::check_spec& check) -> result<sql_offenders> {
    auto found = source.offending_rows(check.sql, order.output.text, sql_check_time_max);
    if (!found) return tl::unexpected{found.error()};
    sql_offenders offenders;
    offenders.count = found->count;
    for (auto& sample : found->sample_rows) offenders.sample_rows.push_back(json_text{std::move(sample)});
    return offenders;
  };
  material.findings = checks->finish(context);
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
