#include "actors/runner/process.hpp"
#include "actors/runner/protocol.hpp"
#include "actors/runner/request.hpp"
#include "actors/runner/spawn.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const std::string agents = std::string{CADRE_SOURCE_DIR} + "/tests/support/agents";

struct ended {
  std::string out;
  exit_info exit;
};

/// A host with a scratch base of its own. `run` waits for the end of a process.
struct fixture {
  std::string base = make_base();
  std::unique_ptr<process_host> host = std::make_unique<process_host>(process_host_options{base, 64});

  ~fixture() {
    host.reset();
    fs::remove_all(base);
  }

  static std::string make_base() {
    std::string name = (fs::temp_directory_path() / "cadre-runner-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    return name;
  }

  static process_spec spec(std::vector<std::string> argv) {
    process_spec s;
    s.argv = std::move(argv);
    s.cwd = agents;
    s.company = "acme";
    s.agent = "ceo.a";
    s.node = "n1";
    s.run = "r1";
    s.timeout = 60s;
    return s;
  }

  std::future<ended> start(process_spec s) {
    auto promise = std::make_shared<std::promise<ended>>();
    auto result = std::make_shared<ended>();
    process_callbacks callbacks;
    callbacks.on_stdout = [result](std::string_view bytes) { result->out += bytes; };
    callbacks.on_exit = [result, promise](const exit_info& e) {
      result->exit = e;
      promise->set_value(*result);
    };
    const auto id = host->start(std::move(s), std::move(callbacks));
    BOOST_REQUIRE(id.has_value());
    last = *id;
    return promise->get_future();
  }

  ended run(process_spec s) {
    auto future = start(std::move(s));
    BOOST_REQUIRE((future.wait_for(60s) == std::future_status::ready));
    return future.get();
  }

  process_id last{};
};

bool is_alive(const std::string& pid) {
  std::ifstream file{"/proc/" + pid + "/stat"};
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  return end != std::string::npos && text.substr(end + 2, 1) != "Z";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(runner_process, fixture)

BOOST_AUTO_TEST_CASE(what_it_is_told_and_what_it_says_pass_unchanged) {
  auto s = spec({"./echo_stdin"});
  for (int i = 0; i < 300'000; ++i) s.stdin_text += std::to_string(i) + '\n';
  const std::string expected = s.stdin_text;
  const ended e = run(std::move(s));
  BOOST_TEST((e.out == expected));
  BOOST_TEST((e.exit.how == exit_info::end::exited));
  BOOST_TEST(e.exit.code == 0);
  BOOST_TEST(e.exit.stdout_bytes == static_cast<std::int64_t>(expected.size()));
}

BOOST_AUTO_TEST_CASE(a_complete_worker_runs) {
  auto s = spec({"./worker.py"});
  run_request r;
  r.agent = {"ceo.a"};
  r.task = {"0190e000-0000-7000-8000-000000000001"};
  s.stdin_text = request_line(r);
  const ended e = run(std::move(s));
  protocol_reader reader{{}};
  BOOST_TEST(reader.feed(e.out).size() == 4U);
  const auto end = reader.finish(e.exit);
  BOOST_REQUIRE_MESSAGE(end.has_value(), e.exit.stderr_tail + (end ? "" : end.error().message));
  BOOST_TEST(end->agent == "ceo.a");
}

BOOST_AUTO_TEST_CASE(a_program_that_cannot_be_started_is_named_with_the_reason) {
  const auto error = [&](std::vector<std::string> argv) {
    const ended e = run(spec(std::move(argv)));
    BOOST_TEST((e.exit.how == exit_info::end::not_started));
    BOOST_TEST(to_text(e.exit.start_error.code) == "command_not_found");
    return e.exit.start_error.message;
  };
  BOOST_TEST(error({"./missing"}) == agents + "/./missing: No such file or directory");
  BOOST_TEST(error({"./not_executable"}) == agents + "/./not_executable: is not executable (chmod +x)");
  BOOST_TEST(error({"../agents"}) == agents + "/../agents: is a folder");
  BOOST_TEST(error({"no-such-program-anywhere"}).starts_with("no-such-program-anywhere: not found in PATH="));
  BOOST_TEST(error({"./no_interpreter"}) ==
             agents +
                 "/./no_interpreter: No such file or directory (the file is there: the interpreter in its first line "
                 "is not)");
  const std::string no_first_line = base + "/script";
  std::ofstream{no_first_line} << "echo hi\n";
  chmod(no_first_line.c_str(), 0755);
  BOOST_TEST(error({no_first_line}) ==
             no_first_line + ": Exec format error (a script needs a first line such as #!/bin/sh)");
  auto nowhere = spec({"/bin/true"});
  nowhere.cwd = "/no/such/folder";
  BOOST_TEST(run(std::move(nowhere)).exit.start_error.message ==
             "/bin/true: its folder /no/such/folder: No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_spec_that_cannot_be_passed_on_is_refused) {
  const auto code = [&](process_spec s) { return to_text(host->start(std::move(s), {}).error().code); };
  BOOST_TEST(code(spec({})) == "bad_value");
  BOOST_TEST(code(spec({"/bin/echo", std::string{"a\0b", 3}})) == "bad_value");
  auto s = spec({"/bin/true"});
  s.env["A=B"] = "c";
  BOOST_TEST(code(std::move(s)) == "bad_value");
  auto limits = spec({"/bin/true"});
  limits.open_files_max = 0;
  BOOST_TEST(code(std::move(limits)) == "bad_value");
}

BOOST_AUTO_TEST_CASE(an_exit_code_comes_with_the_end_of_the_log) {
  const ended e = run(spec({"./fail_with_3"}));
  BOOST_TEST((e.exit.how == exit_info::end::exited));
  BOOST_TEST(e.exit.code == 3);
  BOOST_TEST(e.exit.stderr_tail.size() == 8192U);
  BOOST_TEST(e.exit.stderr_tail.ends_with("log line 1999\nthe disk is full\n"));
}

BOOST_AUTO_TEST_CASE(a_log_of_arbitrary_bytes_becomes_text) {
  const ended e = run(spec({"/bin/sh", "-c", R"(printf 'a\377\000b' >&2)"}));
  BOOST_TEST(e.exit.stderr_tail ==
             "a\xEF\xBF\xBD\xEF\xBF\xBD"
             "b");
}

BOOST_AUTO_TEST_CASE(a_signal_is_told_from_an_exit) {
  const ended e = run(spec({"./kill_itself"}));
  BOOST_TEST((e.exit.how == exit_info::end::signalled));
  BOOST_TEST(e.exit.signal == SIGKILL);
  BOOST_TEST(e.out == "before\n");
}

BOOST_AUTO_TEST_CASE(what_hangs_and_ignores_sigterm_is_killed_after_the_grace) {
  auto s = spec({"./ignore_sigterm"});
  s.timeout = 200ms;
  s.grace = 200ms;
  const ended e = run(std::move(s));
  BOOST_TEST((e.exit.how == exit_info::end::timed_out));
  BOOST_TEST(e.exit.signal == SIGKILL);
  BOOST_TEST(e.exit.elapsed.count() >= 400);
  BOOST_TEST(e.out == "started\n");
}

BOOST_AUTO_TEST_CASE(what_hangs_may_tidy_up_within_the_grace) {
  auto s = spec({"./ends_on_sigterm"});
  s.timeout = 500ms;
  s.grace = 60s;
  const ended e = run(std::move(s));
  BOOST_TEST((e.exit.how == exit_info::end::timed_out));
  BOOST_TEST(e.exit.signal == 0);
  BOOST_TEST(e.out == "started\ntidy\n");
}

BOOST_AUTO_TEST_CASE(a_stopped_process_is_ended_too) {
  auto s = spec({"/bin/sh", "-c", "kill -STOP $$"});
  s.timeout = 300ms;
  s.grace = 60s;
  const ended e = run(std::move(s));
  BOOST_TEST((e.exit.how == exit_info::end::timed_out));
  BOOST_TEST(e.exit.signal == SIGTERM);
}

BOOST_AUTO_TEST_CASE(what_a_process_leaves_behind_dies_with_it) {
  const ended e = run(spec({"./leave_grandchild"}));
  BOOST_TEST((e.exit.how == exit_info::end::exited));
  const std::string pid = first_line(e.out);
  BOOST_REQUIRE(!pid.empty());
  BOOST_TEST(!is_alive(pid));
  BOOST_TEST(!e.exit.group_survived);
}

BOOST_AUTO_TEST_CASE(a_group_of_zombies_counts_as_dead) {
  // The grandchild stays in the group as a zombie: its parent left the group and never waits for it.
  const ended e = run(spec({"python3", "-c", R"(
import os, sys, time
ready_read, ready_write = os.pipe()
pid = os.fork()
if pid == 0:
    group = os.getpgrp()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.setsid()
    for fd in (0, 1, 2): os.close(fd)
    os.write(ready_write, b'x')
    time.sleep(3)
    os._exit(0)
os.read(ready_read, 1)
print('done')
)"}));
  BOOST_TEST(e.out == "done\n");
  BOOST_TEST(!e.exit.group_survived);
}

BOOST_AUTO_TEST_CASE(a_flood_is_cut_off_by_its_reader) {
  protocol_reader reader{{}};
  std::promise<exit_info> done;
  std::optional<process_id> id;
  std::mutex mutex;
  process_callbacks callbacks;
  callbacks.on_stdout = [&](std::string_view bytes) {
    reader.feed(bytes);
    if (!reader.error()) return;
    const std::lock_guard lock{mutex};
    host->kill(*id, 0ms);
  };
  callbacks.on_exit = [&](const exit_info& e) { done.set_value(e); };
  {
    const std::lock_guard lock{mutex};
    const auto started = host->start(spec({"./flood"}), std::move(callbacks));
    BOOST_REQUIRE(started.has_value());
    id = *started;
  }
  auto future = done.get_future();
  BOOST_REQUIRE((future.wait_for(60s) == std::future_status::ready));
  const exit_info exit = future.get();
  BOOST_TEST((exit.how == exit_info::end::stopped));
  BOOST_TEST(to_text(reader.finish(exit).error().code) == "too_large");
  BOOST_TEST(exit.stdout_bytes < 10'000'000);
  host.reset();  // Its thread uses what stands above.
}

BOOST_AUTO_TEST_CASE(who_does_not_read_its_request_holds_up_nobody) {
  auto s = spec({"./deaf"});
  s.stdin_text = std::string(5'000'000, 'x');
  auto deaf = start(std::move(s));
  BOOST_TEST(run(spec({"/bin/echo", "hello"})).out == "hello\n");
  const ended e = deaf.get();
  BOOST_TEST(e.exit.code == 0);
  BOOST_TEST(e.out == "done\n");

  auto closing = spec({"./close_stdin"});
  closing.stdin_text = std::string(5'000'000, 'x');
  const ended c = run(std::move(closing));
  BOOST_TEST(c.exit.code == 0);
  BOOST_TEST(c.out == "done\n");
}

BOOST_AUTO_TEST_CASE(the_environment_limits_and_signals_are_its_own) {
  setenv("CADRE_TEST_SECRET", "hunter2", 1);
  const int unmarked = fcntl(0, F_DUPFD, 42);  // As a library opens one that forgets O_CLOEXEC.
  BOOST_REQUIRE(unmarked >= 42);
  auto s = spec({"./show_world"});
  s.env = {{"GREETING", "hello"}, {"CADRE_AGENT", "someone-else"}, {"TZ", "Europe/Rome"}};
  s.open_files_max = 77;
  s.memory_bytes_max = 512 * 1024 * 1024;
  const ended e = run(std::move(s));
  unsetenv("CADRE_TEST_SECRET");
  close(unmarked);
  BOOST_TEST(e.exit.code == 0);
  std::istringstream lines{e.out};
  std::set<std::string> names;
  std::map<std::string, std::string> values;
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    const auto space = line.find(' ');
    const auto cut = std::min(equals, space);
    values[line.substr(0, cut)] = line.substr(cut + 1);
    if (equals < space) names.insert(line.substr(0, equals));
  }
  names.erase("PWD");  // Set by the shell itself.
  const std::set<std::string> expected{"CADRE_AGENT", "CADRE_COMPANY", "CADRE_NODE", "CADRE_RUN", "GREETING",
                                       "HOME",        "LANG",          "PATH",       "TMPDIR",    "TZ"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  BOOST_TEST(values["CADRE_AGENT"] == "ceo.a");
  BOOST_TEST(values["CADRE_RUN"] == "r1");
  BOOST_TEST(values["GREETING"] == "hello");
  BOOST_TEST(values["TZ"] == "Europe/Rome");
  BOOST_TEST(values["LANG"] == "C.UTF-8");
  BOOST_TEST(values["HOME"].starts_with(base + "/run-"));
  BOOST_TEST(values["cwd"] == agents);
  BOOST_TEST(values["files"] == "77");
  BOOST_TEST(values["core"] == "0");
  BOOST_TEST(values["memory"] == std::to_string(512 * 1024));
  // 3 and 10 are the shell's own: a pipe and the script.
  std::istringstream descriptors{values["descriptors"]};
  for (int number = 0; descriptors >> number;) BOOST_TEST((number <= 3 || number == 10), "descriptor " << number);
  BOOST_TEST(values["ignored"] == "0000000000000000 blocked 0000000000000000");
  const std::string& group = values["group"];
  BOOST_TEST(group.substr(0, group.find(' ')) == group.substr(group.rfind(' ') + 1));
}

BOOST_AUTO_TEST_CASE(scratch_folders_are_removed) {
  run(spec({"./show_world"}));
  auto inside = spec({"/bin/sh", "-c", "pwd; touch file"});
  inside.cwd.clear();
  const ended e = run(std::move(inside));
  BOOST_TEST(e.out.starts_with(base + "/run-"));
  run(spec({"./missing"}));
  host.reset();
  BOOST_TEST(fs::is_empty(base));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_life_left_is_removed) {
  fs::create_directories(base + "/run-abcdef/deep");
  std::ofstream{base + "/keep"} << "not ours";
  host.reset();
  host = std::make_unique<process_host>(process_host_options{base, 64});
  host.reset();
  BOOST_TEST(!fs::exists(base + "/run-abcdef"));
  BOOST_TEST(fs::exists(base + "/keep"));
}

BOOST_AUTO_TEST_CASE(a_base_that_cannot_be_used_is_reported) {
  std::promise<exit_info> done;
  process_host other{{"/proc/no-such-folder", 4}};
  process_callbacks callbacks;
  callbacks.on_exit = [&](const exit_info& e) { done.set_value(e); };
  BOOST_REQUIRE(other.start(spec({"/bin/true"}), std::move(callbacks)).has_value());
  const exit_info e = done.get_future().get();
  BOOST_TEST((e.how == exit_info::end::not_started));
  BOOST_TEST(e.start_error.message.starts_with("no scratch folder in /proc/no-such-folder: "));
}

BOOST_AUTO_TEST_CASE(fifty_at_once) {
  std::vector<std::future<ended>> all;
  for (int i = 0; i < 50; ++i) all.push_back(start(spec({"/bin/sh", "-c", "sleep 0.2; echo " + std::to_string(i)})));
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i].get().out == std::to_string(i) + '\n');
}

BOOST_AUTO_TEST_CASE(the_number_of_processes_is_bounded) {
  std::array<std::promise<void>, 3> done;
  process_host small{{base, 2}};
  const auto begin = [&](std::size_t i) {
    process_callbacks callbacks;
    callbacks.on_exit = [&done, i](const exit_info&) { done[i].set_value(); };
    return small.start(spec({"/bin/sleep", "60"}), std::move(callbacks));
  };
  const auto first = begin(0);
  BOOST_REQUIRE(first.has_value());
  BOOST_REQUIRE(begin(1).has_value());
  const auto refused = begin(2);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(to_text(refused.error().code) == "busy");
  small.kill(*first, 0ms);
  done[0].get_future().wait();
  while (small.running() == 2) std::this_thread::yield();
  BOOST_TEST(begin(2).has_value());
}

BOOST_AUTO_TEST_CASE(a_paused_reader_makes_the_program_wait_and_loses_nothing) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t got = 0;
  bool exited = false;
  process_callbacks callbacks;
  process_id id{};
  callbacks.on_stdout = [&](std::string_view bytes) {
    const std::lock_guard lock{mutex};
    got += bytes.size();
    host->pause(id);
    changed.notify_one();
  };
  callbacks.on_exit = [&](const exit_info&) {
    const std::lock_guard lock{mutex};
    exited = true;
    changed.notify_one();
  };
  std::unique_lock lock{mutex};
  const auto started = host->start(spec({"/bin/sh", "-c", "head -c 1000000 /dev/zero"}), std::move(callbacks));
  BOOST_REQUIRE(started.has_value());
  id = *started;
  // Each piece pauses the reading, so resuming as often as there are pieces is what gets everything.
  std::size_t seen = 0;
  int pieces = 0;
  while (!exited) {
    changed.wait(lock, [&] { return exited || got > seen; });
    BOOST_TEST(got - seen <= 65536U);
    if (got > seen) ++pieces;
    seen = got;
    lock.unlock();
    // Nothing comes while it is paused, and it can't end with output unread.
    std::this_thread::sleep_for(2ms);
    lock.lock();
    BOOST_TEST(got == seen);
    host->resume(id);
  }
  BOOST_TEST(got == 1'000'000U);
  BOOST_TEST(pieces >= 16);
  host.reset();  // Its thread uses what stands above.
}

BOOST_AUTO_TEST_CASE(a_paused_process_can_be_killed) {
  std::promise<void> paused;
  process_callbacks callbacks;
  std::promise<exit_info> done;
  process_id id{};
  std::mutex mutex;
  callbacks.on_stdout = [&, once = false](std::string_view) mutable {
    const std::lock_guard lock{mutex};
    host->pause(id);
    if (!std::exchange(once, true)) paused.set_value();
  };
  callbacks.on_exit = [&](const exit_info& e) { done.set_value(e); };
  {
    const std::lock_guard lock{mutex};
    id = *host->start(spec({"./flood"}), std::move(callbacks));
  }
  paused.get_future().wait();
  host->kill(id, 10s);
  BOOST_TEST((done.get_future().get().how == exit_info::end::stopped));
  host.reset();  // Its thread uses what stands above.
}

BOOST_AUTO_TEST_CASE(what_comes_after_a_kill_is_discarded) {
  std::string out;
  std::promise<void> begun;
  std::promise<exit_info> done;
  process_callbacks callbacks;
  callbacks.on_stdout = [&](std::string_view bytes) {
    if (out.empty()) begun.set_value();
    out += bytes;
  };
  callbacks.on_exit = [&](const exit_info& e) { done.set_value(e); };
  const auto id = host->start(spec({"./ends_on_sigterm"}), std::move(callbacks));
  BOOST_REQUIRE(id.has_value());
  begun.get_future().wait();
  host->kill(*id, 60s);
  const exit_info e = done.get_future().get();
  BOOST_TEST((e.how == exit_info::end::stopped));
  BOOST_TEST(e.signal == 0);
  BOOST_TEST(out == "started\n");
  BOOST_TEST(e.stdout_bytes == 13);
  host.reset();  // Its thread uses what stands above.
}

BOOST_AUTO_TEST_CASE(the_host_ends_with_all_its_processes_dead) {
  std::vector<std::future<ended>> all;
  for (int i = 0; i < 5; ++i) all.push_back(start(spec({"./ignore_sigterm"})));
  auto paused = start(spec({"./flood"}));
  host->pause(last);
  host.reset();
  for (auto& future : all) {
    BOOST_REQUIRE((future.wait_for(0s) == std::future_status::ready));
    BOOST_TEST((future.get().exit.how == exit_info::end::stopped));
  }
  BOOST_TEST((paused.wait_for(0s) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(other_peoples_children_are_left_alone) {
  const pid_t mine = fork();
  if (mine == 0) _exit(7);
  for (int i = 0; i < 5; ++i) run(spec({"/bin/true"}));
  int status = 0;
  BOOST_TEST(waitpid(mine, &status, 0) == mine);
  BOOST_TEST(WEXITSTATUS(status) == 7);
}

BOOST_AUTO_TEST_CASE(memory_is_measured_and_limited) {
  const std::string take = "x = bytearray(150 * 1024 * 1024)";
  BOOST_TEST(run(spec({"python3", "-c", take})).exit.rss_bytes_max > 150 * 1024 * 1024);
  auto s = spec({"python3", "-c", take});
  s.memory_bytes_max = 100 * 1024 * 1024;
  const ended e = run(std::move(s));
  BOOST_TEST(e.exit.code == 1);
  BOOST_TEST(e.exit.stderr_tail.find("MemoryError") != std::string::npos, e.exit.stderr_tail);
}

BOOST_AUTO_TEST_CASE(no_descriptor_leaks) {
  const auto open_now = [] { return std::distance(fs::directory_iterator{"/proc/self/fd"}, {}); };
  run(spec({"/bin/true"}));
  const auto before = open_now();
  for (int i = 0; i < 20; ++i) {
    run(spec({"/bin/true"}));
    run(spec({"./missing"}));
    run(spec({"./no_interpreter"}));
  }
  while (host->running() > 0) std::this_thread::yield();
  BOOST_TEST(open_now() == before);
}

BOOST_AUTO_TEST_CASE(programs_are_found) {
  BOOST_TEST(*resolve_program("/bin/sh", "/nowhere") == "/bin/sh");
  BOOST_TEST(*resolve_program("./flood", agents) == agents + "/./flood");
  BOOST_TEST(resolve_program("sh", "/nowhere")->ends_with("/sh"));
  BOOST_TEST(!resolve_program("", "/").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
