#include "session.hpp"

#include "schemas/codec.hpp"
#include "schemas/subjects.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace cadre::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t commands_per_batch = 500;
constexpr std::chrono::milliseconds request_timeout{5'000};
constexpr std::chrono::milliseconds pause_initial{20};
constexpr std::chrono::milliseconds pause_max{500};

int code_of(const failure& f) {
  return f.code == errc::unreachable ? exit_unreachable : exit_findings;
}

[[noreturn]] void raise(const failure& f) {
  throw command_error{code_of(f), f.message};
}

bool worth_repeating(const outcome& o) {
  return o.status == outcome_status::busy || o.status == outcome_status::in_doubt || o.error.code == errc::not_leader;
}

}  // namespace

std::string find_state(const fleet_options& options) {
  if (!options.state.empty()) return fs::absolute(options.state).lexically_normal().string();
  if (const char* set = std::getenv("CADRE_STATE"); set && *set) return fs::absolute(set).string();
  std::error_code ignored;
  for (auto folder = fs::current_path(ignored); !folder.empty(); folder = folder.parent_path()) {
    if (fs::exists(folder / ".cadre" / "runtime.json", ignored)) return (folder / ".cadre").string();
    if (folder == folder.root_path()) break;
  }
  return (fs::current_path(ignored) / ".cadre").string();
}

session::session(fleet_options options) : options_{std::move(options)} {
  if (!options_.nats.empty() && !options_.postgres.empty()) {
    if (options_.company.empty()) throw command_error{exit_usage, "--nats and --postgres need --company NAME, too"};
    return;
  }
  options_.state = find_state(options_);
  auto running = launch::load_runtime(options_.state);
  if (!running) throw command_error{exit_unreachable, running.error().message};
  servers_ = std::move(running->servers);
  if (options_.company.empty()) options_.company = running->company;
  if (options_.nats.empty()) options_.nats = running->nats_url;
  if (options_.postgres.empty()) options_.postgres = running->database.reader_url;
}

session::~session() = default;

storage::reader& session::reader() {
  if (!reader_) {
    auto opened = storage::reader::open(options_.postgres);
    if (!opened) throw command_error{exit_unreachable, opened.error().message};
    reader_ = std::move(*opened);
  }
  return *reader_;
}

bus::connection& session::bus() {
  if (!bus_) {
    bus::options o;
    o.url = options_.nats;
    o.company = options_.company;
    o.name = "cadre-cli";
    auto opened = bus::connection::open(std::move(o));
    if (!opened) throw command_error{exit_unreachable, opened.error().message};
    bus_ = std::move(*opened);
  }
  return *bus_;
}

std::string session::rows(const storage::query& q) {
  auto found = reader().rows(q);
  if (!found) raise(found.error());
  return std::move(*found);
}

std::string session::row(const storage::query& q, const std::string& what) {
  auto found = reader().row(q);
  if (!found) raise(found.error());
  if (*found == "null") throw command_error{exit_findings, "there is no " + what + " in company " + company()};
  return std::move(*found);
}

outcome session::order(command_body body, std::chrono::milliseconds patience) {
  std::vector<command_body> one;
  one.push_back(std::move(body));
  auto done = order_all(std::move(one), patience).front();
  if (done.status == outcome_status::rejected) raise(done.error);
  return done;
}

std::vector<outcome> session::order_all(std::vector<command_body> bodies, std::chrono::milliseconds patience) {
  std::vector<outcome> all;
  const auto until = std::chrono::steady_clock::now() + patience;
  std::size_t next = 0;
  while (next < bodies.size()) {
    command_batch batch;
    while (next < bodies.size() && batch.commands.size() < commands_per_batch) {
      auto c = make_command("cli", std::move(bodies[next++]));
      batch.commands.push_back(std::move(c));
    }
    auto pause = pause_initial;
    for (;;) {
      const auto answer = bus().request_wait(subjects::command(company(), command_batch::kind),
                                             bus().make_envelope("cli", 0, batch), request_timeout);
      const auto* outcomes = answer ? std::get_if<command_outcomes>(&answer->body) : nullptr;
      if (outcomes && std::none_of(outcomes->outcomes.begin(), outcomes->outcomes.end(), worth_repeating)) {
        all.insert(all.end(), outcomes->outcomes.begin(), outcomes->outcomes.end());
        break;
      }
      if (!answer && answer.error().code != errc::unreachable && answer.error().code != errc::busy &&
          answer.error().code != errc::not_leader)
        raise(answer.error());
      if (std::chrono::steady_clock::now() > until)
        throw command_error{exit_unreachable,
                            "no writer answers (is a control node up? see `cadre status`): " +
                                (answer ? std::string{"it can't commit now"} : answer.error().message)};
      if (!answer) pause = std::clamp(std::chrono::milliseconds{answer.error().retry_after_ms}, pause, pause_max);
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, pause_max);
    }
  }
  return all;
}

}  // namespace cadre::cli
