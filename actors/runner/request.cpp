#include "actors/runner/request.hpp"

#include "actors/runner/json_line.hpp"
#include "schemas/json.hpp"

namespace cadre::actors {
namespace {

/// A JSON string. Bytes that are not UTF-8 are replaced rather than refused: a title must not stop a run.
std::string text(std::string_view value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string moment(timestamp t) {
  return t.empty() ? "null" : text(to_iso(t));
}

}  // namespace

std::string request_line(const run_request& r) {
  const auto run = r.run.empty() ? std::string{} : R"("run":)" + text(r.run.text) + ",";
  return R"({"op":)" + text(r.op) + "," + run + R"("company":)" + text(r.company) + R"(,"agent":)" +
         text(r.agent.text) + R"(,"role":)" + text(to_text(r.role)) + R"(,"task":{"id":)" + text(r.task.text) +
         R"(,"attempt":)" + std::to_string(r.attempt) + R"(,"mode":)" + text(r.mode) + R"(,"title":)" + text(r.title) +
         R"(,"payload":)" + on_one_line(r.payload) + R"(},"brain":)" + on_one_line(r.brain) + R"(,"deadline":)" +
         moment(r.deadline) + "}\n";
}

std::string request_line(const audit_request& r) {
  const auto given = r.rows_given == r.rows_total ? std::string{} : R"(,"rows_given":)" + std::to_string(r.rows_given);
  return R"({"op":"audit","company":)" + text(r.company) + R"(,"agent":)" + text(r.agent.text) +
         R"(,"role":"auditor","output":{"id":)" + text(r.output.text) + R"(,"dataset":)" + text(r.dataset) +
         R"(,"worker":)" + text(r.worker.text) + R"(,"rows_total":)" + std::to_string(r.rows_total) + given +
         R"(},"brain":)" + on_one_line(r.brain) + R"(,"deadline":)" + moment(r.deadline) + "}\n";
}

std::string row_line(std::string_view dataset, std::string_view key, const json_text& row) {
  return R"({"type":"row","dataset":)" + text(dataset) + R"(,"key":)" + text(key) + R"(,"row":)" + on_one_line(row) +
         "}\n";
}

}  // namespace cadre::actors
