#include "programs.hpp"

#include "actors/program/wire.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"

#include <chrono>

namespace cadre::cli {

using json = nlohmann::json;

namespace {

constexpr std::chrono::milliseconds answer_wait{1'000};

}  // namespace

json programs_of(session& s, const std::string& path) {
  const auto answer = s.bus().request_plain_wait(
      subjects::worker(s.company(), agent_path{path}, actors::show_call::verb), "{}", answer_wait);
  if (!answer) return nullptr;
  auto said = json::parse(*answer, nullptr, false);
  return said.is_object() && said.contains("programs") ? said : json(nullptr);
}

void add_programs(session& s, json& agents) {
  const auto until = std::chrono::steady_clock::now() + answer_wait;
  for (auto& agent : agents) {
    if (agent["state"] != "running" || agent["role"] == "auditor") continue;
    if (std::chrono::steady_clock::now() > until) return;
    if (auto said = programs_of(s, agent["path"].get<std::string>()); !said.is_null())
      agent["programs"] = std::move(said["programs"]);
  }
}

}  // namespace cadre::cli
