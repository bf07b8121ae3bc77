#include "runner_host.hpp"

using namespace runner_tests;

BOOST_FIXTURE_TEST_SUITE(runner_process_world, fixture)

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
  const std::set<std::string> expected{"CADRE_AGENT",   "CADRE_COMPANY", "CADRE_NODE", "CADRE_RUN",
                                       "CADRE_SCRATCH", "GREETING",      "HOME",       "LANG",
                                       "PATH",          "TMPDIR",        "TZ"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  BOOST_TEST(values["CADRE_AGENT"] == "ceo.a");
  BOOST_TEST(values["CADRE_RUN"] == "r1");
  BOOST_TEST(values["GREETING"] == "hello");
  BOOST_TEST(values["TZ"] == "Europe/Rome");
  BOOST_TEST(values["LANG"] == "C.UTF-8");
  BOOST_TEST(values["HOME"].starts_with(base + "/run-"));
  BOOST_TEST(values["CADRE_SCRATCH"] == values["HOME"]);
  BOOST_TEST(values["cwd"] == agents);
  BOOST_TEST(values["files"] == "77");
  BOOST_TEST(values["core"] == "0");
  BOOST_TEST(values["memory"] == std::to_string(512 * 1024));
  // 3, 4 and 10 are the shell's own: a pipe, whose other end it may not have closed yet, and the script.
  std::istringstream descriptors{values["descriptors"]};
  for (int number = 0; descriptors >> number;) BOOST_TEST((number <= 4 || number == 10), "descriptor " << number);
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

BOOST_AUTO_TEST_CASE(the_number_of_processes_is_bounded) {
  std::array<std::promise<void>, 3> done;
  host.reset();  // The base is one host's at a time.
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
// What is below our own peak can't be told from it, and a sanitizer's memory is above any child's.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  BOOST_TEST(run(spec({"python3", "-c", take})).exit.rss_bytes_max > 150 * 1024 * 1024);
#endif
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
  BOOST_TEST(open_now() <= before);
}

BOOST_AUTO_TEST_CASE(programs_are_found) {
  BOOST_TEST(*resolve_program("/bin/sh", "/nowhere") == "/bin/sh");
  BOOST_TEST(*resolve_program("./flood", agents) == agents + "/./flood");
  BOOST_TEST(resolve_program("sh", "/nowhere")->ends_with("/sh"));
  BOOST_TEST(!resolve_program("", "/").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
