#include "worker_bridge.hpp"

#include "actors/program/wire.hpp"
#include "schemas/json.hpp"
#include "schemas/subjects.hpp"
#include "stop_request.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <future>
#include <iostream>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace cadre::cli {

namespace {

using json = nlohmann::json;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds look_every{50};
constexpr milliseconds answer_wait{10'000};
/// Short, as between attempts it is seen whether the program still wants to.
constexpr milliseconds attach_wait{1'000};
constexpr milliseconds claim_slack{2'000};
constexpr milliseconds pause_after_failure{200};
constexpr std::size_t lines_per_report = 500;
/// Of a report's lines, as they stand in its JSON: escapes may double them.
constexpr std::size_t report_bytes = 400u << 10;

/// Lines of stdin, as far as they have come.
class line_reader {
 public:
  /// Reads what is there; waits for it up to `limit`.
  void look(milliseconds limit, std::size_t line_bytes_max) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (ended_ || ::poll(&input, 1, static_cast<int>(limit.count())) <= 0) return;
    std::array<char, 65'536> chunk;
    const auto got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
      ended_ = true;
      return;
    }
    for (std::string_view rest{chunk.data(), static_cast<std::size_t>(got)}; !rest.empty();) {
      const auto end = rest.find('\n');
      // Of a line that is too long, as much is kept as makes the agent refuse it.
      if (partial_.size() <= line_bytes_max) partial_ += rest.substr(0, std::min(end, line_bytes_max + 1));
      if (end == std::string_view::npos) break;
      if (partial_.find_first_not_of(" \t\r") != std::string::npos) lines_.push_back(std::move(partial_));
      partial_.clear();
      rest.remove_prefix(end + 1);
    }
  }

  std::deque<std::string>& lines() noexcept { return lines_; }
  [[nodiscard]] bool ended() const noexcept { return ended_ && lines_.empty(); }

 private:
  std::string partial_;
  std::deque<std::string> lines_;
  bool ended_ = false;
};

/// True for the line that ends a run.
bool is_last(const std::string& line) {
  const auto parsed = json::parse(line, nullptr, false);
  return parsed.is_object() &&
         (parsed.value("type", json{}) == "response" || parsed.value("type", json{}) == "failure");
}

void say(const json& line) {
  std::cout << line.dump() << std::endl;
}

class bridge {
 public:
  bridge(session& s, const bridge_options& o) : session_{s}, options_{o} {}

  int work() {
    try {
      return work_on();
    } catch (const command_error&) {
      // Whoever wants no more need not hear that nobody is there.
      if (leaving_ || stop_.asked()) return exit_ok;
      throw;
    }
  }

 private:
  int work_on() {
    attach();
    while (!stop_.asked()) {
      const auto request = claim();
      if (request.is_null()) return exit_ok;
      say(request);
      if (!serve(request["run"].get<std::string>())) {
        detach();
        if (stop_.asked()) return exit_ok;
        std::cerr << "cadre: stdin ended in mid-run; the task is given to another\n";
        return exit_findings;
      }
    }
    detach();
    return exit_ok;
  }

  /// One call, repeated while nobody answers or all are busy.
  json call(std::string_view verb, const json& body, milliseconds wait = answer_wait) {
    const auto subject = subjects::worker(session_.company(), agent_path{options_.agent}, verb);
    const auto text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto until = clock::now() + options_.patience + wait;
    for (;;) {
      const auto answer = session_.bus().request_plain_wait(subject, text, wait);
      if (!answer && answer.error().code == errc::too_large)
        return {{"error", {{"code", "too_large"}, {"message", answer.error().message}}}};
      auto said = answer ? json::parse(*answer, nullptr, false) : json(nullptr);
      if (said.is_object() && error_of(said) != "busy") return said;
      auto pause = pause_after_failure;
      if (said.is_object()) pause = milliseconds{said["error"].value("retry_after_ms", pause.count())};
      if (verb == actors::attach_call::verb) {
        input_.look(milliseconds{0}, line_bytes_max_);
        if (input_.ended()) leaving_ = true;
      }
      if (clock::now() > until || leaving_ || stop_.asked())
        throw command_error{exit_unreachable,
                            answer ? options_.agent + " takes no more programs now: " + said.dump()
                                   : "nobody answers for " + options_.agent +
                                         " (does it run, and has it `run: {bus: {}}`? see `cadre agent show`): " +
                                         answer.error().message};
      std::this_thread::sleep_for(pause);
    }
  }

  static std::string error_of(const json& answer) {
    return answer.contains("error") ? answer["error"].value("code", "") : std::string{};
  }

  void attach() {
    const auto told = call("attach", {{"name", options_.name}, {"protocol", actors::program_protocol}}, attach_wait);
    if (told.contains("error"))
      throw command_error{exit_findings, options_.agent + " refused: " + told["error"].value("message", "")};
    id_ = told["session"].get<std::string>();
    heartbeat_ = milliseconds{told["heartbeat_ms"].get<std::int64_t>()};
    line_bytes_max_ = told["line_bytes_max"].get<std::size_t>();
    claims_ = 0;
    beat_at_ = clock::now() + heartbeat_;
  }

  void detach() {
    // Nobody waits for the answer: silence would end the session, too.
    (void)session_.bus().request_plain_wait(subjects::worker(session_.company(), agent_path{options_.agent}, "detach"),
                                            json{{"session", id_}}.dump(), heartbeat_);
  }

  /// What the agent says has to stop; `unknown_session` if it does not know this program any more.
  json beat(const json& runs) {
    beat_at_ = clock::now() + heartbeat_;
    return call("heartbeat", {{"session", id_}, {"runs", runs}});
  }

  /// The next request; null once the program wants no more. Each claim waits for a heartbeat only, and so is one: an
  /// agent that was killed answers no claim of its earlier life.
  json claim() {
    for (;;) {
      auto asked = std::async(std::launch::async, [this, seq = ++claims_] {
        return call("claim", {{"session", id_}, {"seq", seq}, {"wait_ms", heartbeat_.count()}},
                    heartbeat_ + claim_slack);
      });
      while (asked.wait_for(look_every) != std::future_status::ready) {
        input_.look(milliseconds{0}, line_bytes_max_);
        drop_idle_lines();
        if (leaving_ || (!input_.ended() && !stop_.asked())) continue;
        leaving_ = true;
        detach();  // Which ends the claim.
      }
      if (leaving_ || stop_.asked()) {
        if (!leaving_) detach();
        asked.wait();
        return nullptr;
      }
      const auto got = asked.get();
      if (got.contains("error")) {
        attach();
      } else if (got.value("op", "") == "run") {
        return got;
      }
    }
  }

  void drop_idle_lines() {
    for (const auto& line : input_.lines())
      say({{"op", "refused"},
           {"error", {{"code", "no_run"}, {"message", "there is no run that this line could be of: " + line}}}});
    input_.lines().clear();
  }

  /// Passes on what the program says until it has ended the run; false if it ends itself before.
  bool serve(const std::string& run) {
    std::int64_t seq = 0;
    bool lost = false;  // What still comes of a run that was taken away is read and dropped.
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(beat_at_ - clock::now());
      if (input_.lines().empty()) input_.look(std::clamp(left, milliseconds{0}, look_every), line_bytes_max_);
      if (stop_.asked() || input_.ended()) return false;
      if (clock::now() >= beat_at_) {
        const auto told = beat(lost ? json::array() : json::array({run}));
        if (!lost) lost = stopped_by(told, run);
      }
      if (input_.lines().empty()) continue;
      std::vector<std::string> lines;
      bool last = false;
      for (std::size_t bytes = 0; !last && !input_.lines().empty() && lines.size() < lines_per_report &&
                                  (lines.empty() || bytes + input_.lines().front().size() < report_bytes);) {
        bytes += input_.lines().front().size();
        last = is_last(input_.lines().front());
        lines.push_back(std::move(input_.lines().front()));
        input_.lines().pop_front();
      }
      const auto end = lost ? outcome_of_run::lost : report(run, seq, lines);
      if (end == outcome_of_run::lost) lost = true;
      if (end == outcome_of_run::ended || (lost && last)) return true;
    }
  }

  enum class outcome_of_run { goes_on, ended, lost };

  outcome_of_run report(const std::string& run, std::int64_t& seq, const std::vector<std::string>& lines) {
    const auto told = call("report", {{"session", id_}, {"run", run}, {"seq", seq + 1}, {"lines", lines}});
    const auto code = error_of(told);
    if (code.empty()) {
      ++seq;
      if (told["status"] == "active") return outcome_of_run::goes_on;
      say({{"op", "done"}, {"run", run}, {"status", told["status"]}});
      return outcome_of_run::ended;
    }
    if (code == "bad_output" || code == "bad_message" || code == "too_large") {
      if (lines.size() == 1) {
        say({{"op", "refused"}, {"run", run}, {"error", told["error"]}});
        return outcome_of_run::goes_on;
      }
      // One of them is wrong: the others must not be lost with it.
      for (const auto& line : lines)
        if (const auto one = report(run, seq, {line}); one != outcome_of_run::goes_on) return one;
      return outcome_of_run::goes_on;
    }
    if (code == "unknown_session") attach();
    say({{"op", "stop"}, {"run", run}, {"code", code}, {"message", told["error"]["message"]}});
    return outcome_of_run::lost;
  }

  bool stopped_by(const json& told, const std::string& run) {
    if (error_of(told) == "unknown_session") {
      attach();
      say({{"op", "stop"}, {"run", run}, {"code", "stale_run"}, {"message", "the agent was started again"}});
      return true;
    }
    if (!told.contains("stop")) return false;
    for (const auto& stop : told["stop"]) {
      say({{"op", "stop"}, {"run", run}, {"code", stop["code"]}, {"message", stop["message"]}});
      return true;
    }
    return false;
  }

  session& session_;
  bridge_options options_;
  stop_request stop_;
  std::atomic<bool> leaving_{false};  ///< The program wants no more: nothing is asked for again.
  line_reader input_;
  std::string id_;  ///< Of our session at the agent.
  milliseconds heartbeat_{1'000};
  std::size_t line_bytes_max_ = 1u << 20;  ///< Until the agent says.
  std::int64_t claims_ = 0;
  clock::time_point beat_at_;
};

}  // namespace

int run_bridge(session& s, const bridge_options& options) {
  return bridge{s, options}.work();
}

}  // namespace cadre::cli
