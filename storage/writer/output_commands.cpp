#include "schemas/text.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/lookups.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

struct staged_rows {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> keys;
  std::vector<json_text> rows;
};

const config::output_spec* find_spec(const config::agent& worker, const std::string& dataset) {
  const auto found = std::find_if(worker.outputs.begin(), worker.outputs.end(),
                                  [&](const config::output_spec& spec) { return spec.dataset == dataset; });
  return found == worker.outputs.end() ? nullptr : &*found;
}

failure undeclared(const config::agent& worker, const std::string& dataset) {
  std::string allowed;
  for (const auto& spec : worker.outputs) allowed += (allowed.empty() ? "" : ", ") + spec.dataset;
  return {errc::refused, "dataset " + in_quotes(dataset) + " is not declared in the outputs of " + worker.path.text +
                             "; allowed: " + (allowed.empty() ? "none" : allowed)};
}

/// The values of the key columns as JSON array text; rows that are appended get a key of their own.
result<std::string> key_of(const config::output_spec& spec, const output_id& output, std::int64_t number,
                           const json_text& row) {
  const auto where = "row " + std::to_string(number) + ": ";
  const auto document = nlohmann::json::parse(row.text, nullptr, false);
  if (!document.is_object()) return fail(errc::bad_value, where + "not a JSON object");
  if (spec.mode == output_mode::append) return output.text + ":" + std::to_string(number);
  auto key = nlohmann::json::array();
  for (const auto& column : spec.key) {
    const auto found = document.find(column);
    if (found == document.end() || found->is_null())
      return fail(errc::bad_value, where + "the key column " + column + " is missing");
    key.push_back(*found);
  }
  return dump(key);
}

result<staged_rows> check_rows(const config::output_spec& spec, const output_add& body) {
  staged_rows staged;
  for (std::size_t i = 0; i < body.rows.size(); ++i) {
    const auto number = body.first_row + static_cast<std::int64_t>(i);
    auto key = key_of(spec, body.output, number, body.rows[i]);
    if (!key) return tl::unexpected{key.error()};
    staged.numbers.push_back(number);
    staged.keys.push_back(std::move(*key));
    staged.rows.push_back(body.rows[i]);
  }
  return staged;
}

/// The answer for a run that is not active: a repeat if every row is there.
result<applied> answer_late(unit& u, const output_add& body) {
  const auto runs =
      u.db.run("SELECT status FROM cadre.run WHERE company = $1 AND id = $2::uuid", u.company(), body.run);
  if (runs.empty()) return fail(errc::not_found, "there is no run " + body.run.text);
  const auto there = u.db.run(
      "SELECT (SELECT count(*) FROM cadre.output_row r WHERE r.company = o.company AND r.output = o.id "
      "AND r.row_no >= $4::bigint AND r.row_no < $4::bigint + $5::bigint) FROM cadre.output o "
      "WHERE o.company = $1 AND o.id = $2::uuid AND o.run = $3::uuid",
      u.company(), body.output, body.run, body.first_row, body.rows.size());
  if (!there.empty() && there[0][0].as<std::size_t>() == body.rows.size()) return applied{0, body.output.text};
  return fail(errc::stale_attempt, "run " + body.run.text + " has ended: it is " + runs[0][0].as<std::string>());
}

/// Makes the output with its first rows; checks that it is the same one with later rows.
result<void> ensure_output(unit& u, const output_add& body, const active_run& run, const config::output_spec& spec) {
  u.db.run(
      "INSERT INTO cadre.output (company, id, run, task, worker, dataset, mode, key_columns, status) "
      "VALUES ($1, $2::uuid, $3::uuid, $4::uuid, $5, $6, $7, $8::text[], 'staged') ON CONFLICT (company, id) DO "
      "NOTHING",
      u.company(), body.output, run.id, run.task, run.agent, body.dataset, spec.mode, spec.key);
  const auto there =
      u.db.run("SELECT run::text, dataset, status FROM cadre.output WHERE company = $1 AND id = $2::uuid", u.company(),
               body.output);
  if (there[0][0].as<std::string>() != run.id.text || there[0][1].as<std::string>() != body.dataset)
    return fail(errc::duplicate_key, "output " + body.output.text + " belongs to another run or dataset");
  return {};
}

}  // namespace

result<applied> apply(unit& u, const command& c, const output_add& body) {
  if (!is_uuid(body.output.text) || !is_uuid(body.run.text)) return fail(errc::bad_value, "output, run: not a UUID");
  if (body.first_row < 0) return fail(errc::bad_value, "first_row: at least 0");
  const auto found = u.mem.runs.find(body.run);
  if (found == u.mem.runs.end()) return answer_late(u, body);
  const auto& run = found->second;
  if (auto own = must_be(u, c.from, run.agent, "an output"); !own) return tl::unexpected{own.error()};
  if (u.mem.investigations.count(run.task) > 0)
    return fail(errc::refused, "run " + run.id.text + " looks into an escalation; it may not write outputs");
  const auto* worker = u.mem.agent(run.agent);
  if (worker == nullptr) return tl::unexpected{unknown_agent(u, run.agent)};
  const auto* spec = find_spec(*worker, body.dataset);
  if (spec == nullptr) return tl::unexpected{undeclared(*worker, body.dataset)};
  const auto staged = check_rows(*spec, body);
  if (!staged) return tl::unexpected{staged.error()};

  if (auto same = ensure_output(u, body, run, *spec); !same) return tl::unexpected{same.error()};
  if (staged->rows.empty()) return applied{0, body.output.text};
  const auto added = u.db.run(
      "INSERT INTO cadre.output_row (company, output, row_no, key, row) "
      "SELECT $1, $2::uuid, * FROM unnest($3::bigint[], $4::text[], $5::jsonb[]) ON CONFLICT DO NOTHING",
      u.company(), body.output, staged->numbers, staged->keys, staged->rows);
  if (added.affected_rows() > 0)
    u.db.run("UPDATE cadre.output SET row_count = row_count + $3::bigint WHERE company = $1 AND id = $2::uuid",
             u.company(), body.output, added.affected_rows());
  return applied{0, body.output.text};
}

}  // namespace cadre::storage::writer
