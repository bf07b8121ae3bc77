#include "brief.hpp"
#include "schemas/json.hpp"

#include <algorithm>

namespace cadre::brief {

using json = nlohmann::json;

namespace {

constexpr std::size_t recommendations_max = 5;

json first_or_null(const json& rows) {
  return rows.is_array() && !rows.empty() ? rows.front() : json(nullptr);
}

/// Everything that is not running as it should, with its cause.
json troubled_agents(const json& agents) {
  json out = json::array();
  for (const auto& a : agents) {
    const auto state = a.value("state", "");
    if (state == "running" || state == "planned") continue;
    out.push_back({{"path", a.at("path")}, {"state", state}, {"node", a.at("node")}, {"cause", a.at("last_cause")}});
  }
  return out;
}

/// What each agent measured last, and when: old numbers must look old.
json metrics_of(const json& agents) {
  json out = json::array();
  for (const auto& a : agents) {
    if (!a.at("metrics").is_object() || a.at("metrics").empty()) continue;
    out.push_back({{"path", a.at("path")}, {"metrics", a.at("metrics")}, {"at", a.at("metrics_at")}});
  }
  return out;
}

json recommendations_of(const json& agents) {
  json out = json::array();
  for (const auto& a : agents) {
    if (!a.at("recommendations").is_array()) continue;
    for (const auto& text : a.at("recommendations")) {
      if (out.size() == recommendations_max) return out;
      if (text.is_string()) out.push_back({{"from", a.at("path")}, {"text", text}});
    }
  }
  return out;
}

json priorities_of(const json& rows) {
  json out = json::array();
  for (const auto& r : rows) {
    auto entry = r.at("row");
    entry["from"] = r.at("worker");
    out.push_back(std::move(entry));
  }
  return out;
}

json counts_of(const json& rows) {
  json out = json::object();
  for (const auto& r : rows) out[r.at("status").get<std::string>()] = r.at("tasks");
  return out;
}

}  // namespace

result<std::string> compose(std::string_view snapshot) {
  const auto s = json::parse(snapshot, nullptr, false);
  if (!s.is_object()) return fail(errc::bad_message, "the snapshot of the brief is not a JSON object");
  try {
    const auto as_of = first_or_null(s.at("as_of"));
    const auto agents = s.at("agents");
    json d;
    d["company"] = as_of.at("company");
    d["as_of"] = as_of.at("at");
    d["since"] = as_of.at("since");
    d["decisions"] = s.at("decisions");
    d["under_investigation"] = s.at("under_investigation");
    d["failures"] = s.at("failures");
    d["missed_schedules"] = s.at("missed_schedules");
    d["overdue_audits"] = s.at("overdue_audits");
    d["changes"] = s.at("changes");
    d["priorities"] = priorities_of(s.at("priorities"));
    d["recommendations"] = recommendations_of(agents);
    d["agents"] = {{"total", agents.size()}, {"trouble", troubled_agents(agents)}};
    d["metrics"] = metrics_of(agents);
    d["tasks"] = counts_of(s.at("tasks"));
    d["escalations"] = first_or_null(s.at("escalation_sums"));
    d["nodes"] = s.at("nodes");
    d["leader"] = first_or_null(s.at("leader"));
    return d.dump();
  } catch (const json::exception& e) {
    return fail(errc::bad_message, std::string{"the snapshot of the brief lacks a part: "} + e.what());
  }
}

}  // namespace cadre::brief
