#include "integration/actors/launch_processes.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

using namespace cadre;
using namespace cadre::launch;
using namespace cadre::testing;

namespace {

struct told {
  std::string all;
  std::function<void(std::string_view)> sink() {
    return [this](std::string_view line) { all += std::string(line) + "\n"; };
  }
  [[nodiscard]] bool has(const std::string& text) const { return all.find(text) != std::string::npos; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(launch_keeper)

BOOST_AUTO_TEST_CASE(a_killed_child_is_started_again) {
  told said;
  process_keeper keeper({}, said.sink());
  keeper.add(shell_child("child", 0, "exec sleep 1000"));
  const auto first = keeper.pid_of("child");
  BOOST_REQUIRE(lives(first));
  ::kill(first, SIGKILL);
  step_until(keeper, "another pid", [&] { return keeper.pid_of("child") != 0 && keeper.pid_of("child") != first; });
  BOOST_TEST(said.has("child was ended by signal Killed; starts again in 0.2 s"));
  BOOST_TEST(keeper.deaths_of("child") == 1);
  const auto second = keeper.pid_of("child");
  finish(keeper);
  BOOST_TEST(!lives(first));
  BOOST_TEST(!lives(second));
}

BOOST_AUTO_TEST_CASE(a_child_that_exits_is_described) {
  told said;
  process_keeper keeper({}, said.sink());
  keeper.add(shell_child("child", 0, "exit 7"));
  step_until(keeper, "two deaths", [&] { return keeper.deaths_of("child") >= 2; });
  BOOST_TEST(keeper.last_death_of("child") == "exited with code 7");
  finish(keeper);
}

BOOST_AUTO_TEST_CASE(a_program_that_does_not_exist_is_said_and_tried_again) {
  told said;
  process_keeper keeper({}, said.sink());
  auto spec = shell_child("child", 0, "");
  spec.make = []() -> result<program> {
    auto what = shell("");
    what.path = "/nonexistent/program";
    return what;
  };
  keeper.add(spec);
  step_until(keeper, "two attempts", [&] { return keeper.deaths_of("child") >= 2; });
  BOOST_TEST(said.has("can't start /nonexistent/program: it could not execute it: No such file or directory"));
  finish(keeper);
}

BOOST_AUTO_TEST_CASE(sigterm_ends_children_in_order) {
  const temp_folder folder;
  told said;
  process_keeper keeper({}, said.sink());
  const auto script = [&](const std::string& name) {
    return "trap 'sleep 0.1; echo " + name + " >>" + (folder / "order") + "; exit 0' TERM; echo >" + (folder / name) +
           "; while :; do sleep 0.01; done";
  };
  keeper.add(shell_child("database", 0, script("database")));
  keeper.add(shell_child("bus", 1, script("bus")));
  keeper.add(shell_child("node", 2, script("node")));
  step_until(keeper, "traps set", [&] {
    return ::access((folder / "database").c_str(), F_OK) == 0 && ::access((folder / "bus").c_str(), F_OK) == 0 &&
           ::access((folder / "node").c_str(), F_OK) == 0;
  });
  ::kill(::getpid(), SIGTERM);
  step_until(keeper, "the end", [&] { return keeper.stopped(); });
  BOOST_TEST(slurp(folder / "order") == "node\nbus\ndatabase\n");
  BOOST_TEST(!keeper.hurried());
}

BOOST_AUTO_TEST_CASE(a_stubborn_child_is_killed) {
  const temp_folder folder;
  told said;
  process_keeper keeper({}, said.sink());
  auto spec = shell_child("child", 0, "trap '' TERM; echo >" + (folder / "ready") + "; while :; do sleep 0.01; done");
  spec.policy.grace = 100ms;
  keeper.add(spec);
  step_until(keeper, "trap set", [&] { return ::access((folder / "ready").c_str(), F_OK) == 0; });
  const auto pid = keeper.pid_of("child");
  finish(keeper);
  BOOST_TEST(said.has("child did not end in time: Killed"));
  BOOST_TEST(!lives(pid));
}

BOOST_AUTO_TEST_CASE(a_second_interrupt_ends_it_at_once) {
  const temp_folder folder;
  told said;
  process_keeper keeper({}, said.sink());
  auto spec = shell_child("child", 0, "trap '' TERM; echo >" + (folder / "ready") + "; while :; do sleep 0.01; done");
  spec.policy.grace = 1h;
  keeper.add(spec);
  step_until(keeper, "trap set", [&] { return ::access((folder / "ready").c_str(), F_OK) == 0; });
  ::kill(::getpid(), SIGINT);
  step_until(keeper, "a first answer", [&] { return keeper.stopping(); });
  BOOST_TEST(!keeper.stopped());
  ::kill(::getpid(), SIGINT);
  step_until(keeper, "the end", [&] { return keeper.stopped(); });
  BOOST_TEST(keeper.hurried());
}

BOOST_AUTO_TEST_CASE(hangup_is_passed_on_and_harmless) {
  told said;
  process_keeper keeper({}, said.sink());
  int hangups = 0;
  keeper.on_hangup = [&] { ++hangups; };
  ::kill(::getpid(), SIGHUP);
  step_until(keeper, "the hangup", [&] { return hangups == 1; });
  BOOST_TEST(!keeper.stopping());
}

BOOST_AUTO_TEST_CASE(what_a_dead_child_left_running_is_killed) {
  const temp_folder folder;
  told said;
  process_keeper keeper({}, said.sink());
  // An orphan in the child's session, and one in a session of its own.
  keeper.add(shell_child("node", 0,
                         "sleep 1001 & echo $! >" + (folder / "a") + "; setsid sleep 1002 & echo $! >" +
                             (folder / "b") + "; echo >" + (folder / "ready") + "; exec sleep 1003"));
  step_until(keeper, "its children", [&] { return ::access((folder / "ready").c_str(), F_OK) == 0; });
  const auto a = std::stoi(slurp(folder / "a"));
  const auto b = std::stoi(slurp(folder / "b"));
  BOOST_TEST(lives(a));
  BOOST_TEST(lives(b));
  ::kill(keeper.pid_of("node"), SIGKILL);
  step_until(keeper, "the death", [&] { return keeper.deaths_of("node") == 1; });
  BOOST_TEST(!lives(a));
  BOOST_TEST(!lives(b));
  finish(keeper);
}

BOOST_AUTO_TEST_CASE(children_have_nothing_of_ours) {
  const temp_folder folder;
  told said;
  int leaked[2];
  BOOST_REQUIRE_EQUAL(::pipe(leaked), 0);
  process_keeper keeper({}, said.sink());
  keeper.add(shell_child("child", 0,
                         "ls /proc/self/fd >" + (folder / "fds") + "; grep SigBlk /proc/self/status >" +
                             (folder / "mask") + "; echo >" + (folder / "ready") + "; exec sleep 1000"));
  step_until(keeper, "its report", [&] { return ::access((folder / "ready").c_str(), F_OK) == 0; });
  // 0, 1, 2 and the one that ls reads the folder by.
  BOOST_TEST(slurp(folder / "fds") == "0\n1\n2\n3\n");
  BOOST_TEST(slurp(folder / "mask").find("0000000000000000") != std::string::npos);
  BOOST_TEST(::getsid(keeper.pid_of("child")) == keeper.pid_of("child"));
  finish(keeper);
  ::close(leaked[0]);
  ::close(leaked[1]);
}

BOOST_AUTO_TEST_CASE(children_die_with_a_keeper_that_is_killed) {
  const temp_folder folder;
  const pid_t keeper_pid = ::fork();
  if (keeper_pid == 0) {
    process_keeper keeper({}, [](std::string_view) {});
    keeper.add(shell_child("child", 0,
                           "echo $$ >" + (folder / "pid.new") + "; mv " + (folder / "pid.new") + " " +
                               (folder / "pid") + "; exec sleep 1000"));
    for (;;) keeper.step(1s);
  }
  wait_until("the child", [&] { return ::access((folder / "pid").c_str(), F_OK) == 0; });
  const auto child = std::stoi(slurp(folder / "pid"));
  BOOST_TEST(lives(child));
  ::kill(keeper_pid, SIGKILL);
  ::waitpid(keeper_pid, nullptr, 0);
  wait_until("the child's death", [&] { return !lives(child); });
}

BOOST_AUTO_TEST_CASE(a_program_is_run_to_its_end) {
  BOOST_TEST(run_program(shell("exit 3"), 10s).value_or(-1) == 3);
  BOOST_TEST(run_program(shell("kill -9 $$"), 10s).value_or(-1) == 128 + SIGKILL);
  const auto slow = run_program(shell("exec sleep 1000"), 50ms);
  BOOST_REQUIRE(!slow);
  BOOST_TEST((slow.error().code == errc::timed_out));
}

BOOST_AUTO_TEST_SUITE_END()
