#include "orders.hpp"

#include "print.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"

namespace cadre::cli {

namespace queries = storage::queries;

void check_path(const std::string& path) {
  if (!is_agent_path(path))
    throw command_error{exit_usage, "'" + path + "' is not an agent's path, such as ceo.data.ingest"};
}

ordered order_agent(session& s, const std::string& order, const std::string& path) {
  check_path(path);
  (void)s.row(queries::agent(s.company(), path), "agent " + path);
  operator_order body;
  body.order = order;
  body.agent = agent_path{path};
  std::string why = "no node answers";
  for (const auto& node : nlohmann::json::parse(s.rows(queries::nodes(s.company())))) {
    const auto answer = s.bus().request_wait(subjects::control(node["name"].get<std::string>()),
                                             s.bus().make_envelope("cli", 0, body), std::chrono::seconds{5});
    const auto name = cell(node["name"]);
    if (answer && std::holds_alternative<ack>(answer->body)) return {name, true};
    if (answer) continue;
    why = answer.error().message;
    if (answer.error().code == errc::timed_out) return {name, false};
    // Only who supervises it can refuse.
    if (answer.error().code == errc::refused) break;
  }
  throw command_error{exit_findings, why};
}

}  // namespace cadre::cli
