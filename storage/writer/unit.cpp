#include "storage/writer/unit.hpp"

#include <algorithm>

namespace cadre::storage::writer {

namespace {

constexpr std::string_view nul = "\\u0000";

}  // namespace

std::string dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_text(std::string_view text) {
  const auto as_it_is = [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (!std::all_of(text.begin(), text.end(), as_it_is)) return dump(nlohmann::json(text));
  std::string quoted;
  quoted.reserve(text.size() + 2);
  return quoted.append(1, '"').append(text).append(1, '"');
}

nlohmann::json parse_or_null(const std::string& text) {
  auto document = nlohmann::json::parse(text, nullptr, false);
  return document.is_discarded() ? nlohmann::json{} : document;
}

void unit::tell(std::string subject, std::string what, const nlohmann::json& data) {
  tell(std::move(subject), std::move(what), json_text{dump(data)});
}

void unit::tell(std::string subject, std::string what, json_text data) {
  event e;
  e.subject = std::move(subject);
  e.what = std::move(what);
  e.data = std::move(data);
  // Postgres keeps it as text and fails whoever reads it: it has no NUL.
  for (auto at = e.data.text.find(nul); at != std::string::npos; at = e.data.text.find(nul, at))
    e.data.text.replace(at, nul.size(), "\\ufffd");
  e.at = now;
  events.push_back(std::move(e));
}

void unit::revoke(const run_id& run, const agent_path& agent, const std::string& reason) {
  run_revoke r;
  r.run = run;
  r.agent = agent;
  r.reason = reason;
  revokes.push_back(std::move(r));
}

void unit::end_lives_before(const agent_path& agent, epoch first_kept) {
  life_replaced r;
  r.agent = agent;
  r.newest = first_kept;
  replaced.push_back(std::move(r));
}

timestamp unit::next_created() {
  mem.last_created = std::max(now, mem.last_created + std::chrono::microseconds{1});
  return mem.last_created;
}

void unit::begin_run(const active_run& run) {
  undo_.push_back([this, id = run.id] { mem.runs.erase(id); });
  mem.runs[run.id] = run;
  runs_begun.push_back(run.id);
  mem.last_run = std::max(mem.last_run, run.id);  // Too late after a rollback, which is harmless.
  mem.runs_changed = true;
}

void unit::remember_run(const active_run& run) {
  auto& known = mem.runs.at(run.id);
  undo_.push_back([this, old = known] { mem.runs[old.id] = old; });
  known = run;
}

void unit::forget_run(const run_id& run) {
  const auto found = mem.runs.find(run);
  if (found == mem.runs.end()) return;
  undo_.push_back([this, old = std::move(found->second)] { mem.runs[old.id] = old; });
  mem.runs.erase(found);
  mem.runs_changed = true;
}

void unit::back_to(const mark& m) {
  events.resize(m.events);
  grants.resize(m.grants);
  revokes.resize(m.revokes);
  replaced.resize(m.replaced);
  briefs.resize(m.briefs);
  runs_begun.resize(m.runs_begun);
  repeats.resize(m.repeats);
  repeats_written = m.repeats_written;
  // Cheaper than undoing what was taken and added: it is read again.
  mem.queue.forget();
  mem.look_for_work = true;
  while (undo_.size() > m.undo) {
    undo_.back()();
    undo_.pop_back();
  }
}

}  // namespace cadre::storage::writer
