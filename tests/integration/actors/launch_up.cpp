#include "actors/launch/state_dir.hpp"
#include "actors/launch/up.hpp"
#include "integration/actors/launch_processes.hpp"
#include "schemas/json.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace cadre;
using namespace cadre::launch;
using namespace cadre::testing;

namespace {

constexpr const char* company = R"(
company: acme
nodes:
  one: {roles: [control, work, gateway]}
  two: {roles: [work]}
org:
  ceo:
    role: ceo
    reports:
      data:
        role: manager
        reports:
          disks: {role: worker, run: {command: [/bin/true]}, outputs: {disk: {key: [mount]}}}
          audit: {role: auditor, audits: [ceo.data.disks], checks: [{unique: [mount]}]}
)";

/// Every living process whose command line names the folder.
std::vector<pid_t> processes_of(const std::string& folder) {
  std::vector<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto pid = std::stoi(name);
    if (pid != ::getpid() && slurp(entry.path() / "cmdline").find(folder) != std::string::npos && lives(pid)) {
      out.push_back(pid);
    }
  }
  return out;
}

/// A company whose nodes are shell scripts, and `cadre up` of it as a process of its own.
struct scene {
  scene() {
    write("company.yaml", company);
    node("echo \"$*\" >>" + (folder / "nodes") + "; exec sleep 1000");
    options.config = folder / "company.yaml";
    options.state = folder / "s";
    options.node_program = folder / "node";
    // Most cases are not about Postgres; those that are clear this.
    options.postgres_url = "postgresql://nobody@127.0.0.1:1/postgres";
  }
  ~scene() {
    if (pid != 0) ::kill(pid, SIGKILL);
    if (pid != 0) ::waitpid(pid, nullptr, 0);
    if (options.detach) run_down(state());
    BOOST_TEST(processes_of(state()).empty());
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
  void node(const std::string& script) const {
    ::unlink((folder / "node").c_str());
    write("node", "#!/bin/sh\n" + script + "\n");
    ::chmod((folder / "node").c_str(), 0755);
  }
  [[nodiscard]] std::string state() const { return folder / "s"; }
  [[nodiscard]] std::string printed() const { return slurp(folder / "printed"); }
  [[nodiscard]] bool printed(const std::string& text) const { return printed().find(text) != std::string::npos; }

  void up() {
    ::unlink((folder / "printed").c_str());
    pid = ::fork();
    if (pid != 0) return;
    const int out = ::open((folder / "printed").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    const auto code = run_up(options);
    std::fflush(nullptr);
    ::_exit(code);
  }
  int ended() {
    int status = 0;
    wait_until("the end of up", [&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
    pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  int run() {
    up();
    return ended();
  }
  void await(const std::string& text) {
    wait_until(text.c_str(), [&] { return printed(text); });
  }

  temp_folder folder;
  up_options options;
  pid_t pid = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(launch_up)

BOOST_AUTO_TEST_CASE(a_whole_company_comes_up_and_goes_down) {
  scene s;
  s.options.postgres_url.clear();
  s.options.once = true;
  s.options.prepare_database = [&](const runtime& r, const std::stop_token&) -> result<void> {
    s.write("urls", r.database.writer_url + "\n" + r.nats_url + "\n");
    return {};
  };
  s.options.node_ready = [&](const runtime&, const std::string& node) {
    return slurp(s.folder / "nodes").find("--name " + node + " ") != std::string::npos;
  };
  s.options.when_ready = [&](const runtime& r, const std::stop_token&) {
    const auto published = load_runtime(r.state);
    const bool complete = published && published->company == "acme" && lives(published->postgres_pid) &&
                          lives(published->nats_pid) && published->nodes.size() == 2 &&
                          lives(published->nodes[0].pid) && lives(published->nodes[1].pid);
    return complete ? 5 : 6;
  };
  BOOST_TEST(s.run() == 5);
  for (const auto* line : {"postgres ", "nats ", "database ", "node one ", "node two "}) BOOST_TEST(s.printed(line));
  BOOST_TEST(s.printed("acme is down; its state is kept in " + s.state()));
  BOOST_TEST(slurp(s.folder / "nodes").find("node --name two --config " + s.options.config + " --state " + s.state()) !=
             std::string::npos);
  BOOST_TEST(slurp(s.folder / "urls").starts_with("postgresql://cadre_writer:"));
  BOOST_TEST(::access((s.state() + "/runtime.json").c_str(), F_OK) != 0);
  BOOST_TEST(processes_of(s.state()).empty());

  const auto secrets = nlohmann::json::parse(slurp(s.state() + "/secrets.json"));
  for (const auto& [name, secret] : secrets.items()) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(!s.printed(secret.get<std::string>()));
      BOOST_TEST(slurp(s.state() + "/logs/up.log").find(secret.get<std::string>()) == std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_second_up_is_refused_and_down_ends_the_first) {
  scene s;
  s.up();
  s.await("acme is up: 2 nodes");
  const auto first = s.pid;
  const auto shown = s.printed();
  BOOST_TEST(shown.find("down --state " + s.state()) != std::string::npos);

  scene second;
  second.options.state = s.state();
  BOOST_TEST(second.run() == 1);
  BOOST_TEST(second.printed("a company is already up in " + s.state() + ": pid " + std::to_string(first)));

  // Someone has to reap it, as a shell would.
  std::jthread parent([first] { ::waitpid(first, nullptr, 0); });
  BOOST_TEST(run_down(s.state()) == 0);
  parent.join();
  s.pid = 0;
  BOOST_TEST(processes_of(s.state()).empty());
  BOOST_TEST(run_down(s.state()) == 0);
}

BOOST_AUTO_TEST_CASE(a_killed_node_comes_back_and_is_published) {
  scene s;
  s.up();
  s.await("acme is up");
  const auto before = load_runtime(s.state());
  BOOST_REQUIRE(before);
  ::kill(before->nodes[1].pid, SIGKILL);
  wait_until("another pid of node two", [&] {
    const auto now = load_runtime(s.state());
    return now && now->nodes[1].pid != 0 && now->nodes[1].pid != before->nodes[1].pid;
  });
  BOOST_TEST(load_runtime(s.state())->nodes[0].pid == before->nodes[0].pid);
  BOOST_TEST(s.printed("! node two was ended by signal Killed; starts again"));
  ::kill(s.pid, SIGINT);
  BOOST_TEST(s.ended() == 0);
}

BOOST_AUTO_TEST_CASE(after_kill_9_nothing_is_left_and_it_comes_up_again) {
  scene s;
  s.options.postgres_url.clear();
  s.up();
  s.await("acme is up");
  ::kill(s.pid, SIGKILL);
  BOOST_TEST(s.ended() == 1000 + SIGKILL);
  s.up();
  s.await("acme is up");
  ::kill(s.pid, SIGTERM);
  BOOST_TEST(s.ended() == 0);
  wait_until("the end of what was left", [&] { return processes_of(s.state()).empty(); });
}

BOOST_AUTO_TEST_CASE(detached_it_returns_when_ready_and_goes_on) {
  scene s;
  s.options.detach = true;
  s.options.when_ready = [](const runtime&, const std::stop_token&) {
    std::printf("the brief\n");
    std::fflush(stdout);
    return 0;
  };
  BOOST_TEST(s.run() == 0);
  BOOST_TEST(s.printed("the brief"));
  BOOST_TEST(s.printed("acme is up"));
  const auto up = load_runtime(s.state());
  BOOST_REQUIRE(up);
  BOOST_TEST(lives(up->pid));
  BOOST_TEST(lives(up->nodes[0].pid));
  BOOST_TEST(run_down(s.state()) == 0);
  BOOST_TEST(processes_of(s.state()).empty());
}

BOOST_AUTO_TEST_CASE(detached_it_reports_a_failed_start) {
  scene s;
  s.options.detach = true;
  s.options.node_ready = [](const runtime&, const std::string&) { return false; };
  s.node("echo no such thing; exit 2");
  BOOST_TEST(s.run() == 1);
  BOOST_TEST(s.printed("node one exited with code 2. End of " + s.state() + "/logs/node-one.log"));
  BOOST_TEST(s.printed("  | no such thing"));
}

BOOST_AUTO_TEST_CASE(a_bad_config_starts_nothing) {
  scene s;
  s.write("company.yaml", "company: acme\nnodes: 7\n");
  BOOST_TEST(s.run() == 2);
  BOOST_TEST(s.printed("company.yaml:2:"));
  BOOST_TEST(s.printed("nothing was started"));
  BOOST_TEST(!std::filesystem::exists(s.state()));
}

BOOST_AUTO_TEST_CASE(a_failed_database_step_ends_it_with_its_reason) {
  scene s;
  s.options.prepare_database = [](const runtime&, const std::stop_token&) -> result<void> {
    return fail(errc::storage, "migration 7 failed: relation exists");
  };
  BOOST_TEST(s.run() == 1);
  BOOST_TEST(s.printed("cadre up: migration 7 failed: relation exists"));
  BOOST_TEST(processes_of(s.state()).empty());
}

BOOST_AUTO_TEST_CASE(an_exception_in_a_step_is_a_failure) {
  scene s;
  s.options.prepare_database = [](const runtime&, const std::stop_token&) -> result<void> {
    throw std::runtime_error("lost connection");
  };
  BOOST_TEST(s.run() == 1);
  BOOST_TEST(s.printed("cadre up: lost connection"));
}

BOOST_AUTO_TEST_CASE(a_node_that_is_never_ready_is_given_up) {
  scene s;
  s.options.ready_limit = 300ms;
  s.options.node_ready = [](const runtime&, const std::string&) { return false; };
  BOOST_TEST(s.run() == 1);
  BOOST_TEST(s.printed("node one is not ready after"));
}

BOOST_AUTO_TEST_CASE(an_interrupt_before_it_is_ready_stops_the_work) {
  scene s;
  s.options.prepare_database = [&](const runtime&, const std::stop_token& stop) -> result<void> {
    s.write("begun", "");
    while (!stop.stop_requested()) std::this_thread::sleep_for(5ms);
    return {};
  };
  s.up();
  wait_until("the step", [&] { return std::filesystem::exists(s.folder / "begun"); });
  ::kill(s.pid, SIGINT);
  BOOST_TEST(s.ended() == 130);
  BOOST_TEST(processes_of(s.state()).empty());
}

BOOST_AUTO_TEST_CASE(a_stubborn_node_yields_to_a_second_interrupt) {
  scene s;
  s.options.node_grace = 1h;
  s.node("trap '' TERM; while :; do sleep 0.02; done");
  s.up();
  s.await("acme is up");
  ::kill(s.pid, SIGINT);
  s.await("once more to stop at once");
  ::kill(s.pid, SIGINT);
  BOOST_TEST(s.ended() == 130);
  BOOST_TEST(processes_of(s.state()).empty());
}

BOOST_AUTO_TEST_CASE(contradicting_options_are_refused) {
  scene s;
  s.options.once = s.options.detach = true;
  BOOST_TEST(s.run() == 2);
  scene t;
  t.options.postgres_url = "host=/tmp";
  BOOST_TEST(t.run() == 2);
  BOOST_TEST(t.printed("a Postgres address must look like"));
}

BOOST_AUTO_TEST_SUITE_END()
