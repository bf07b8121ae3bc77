#include "actors/runner/kin.hpp"
#include "runner_host.hpp"

using namespace runner_tests;

namespace {

const std::string base = "/state/scratch/n1";
constexpr pid_t node_group = 50;

const run_kin run{100, 1'000, base + "/run-a"};
const std::vector<run_kin> others{{200, 900, base + "/run-b"}};

bool ends(orphan o) {
  return ends_with(o, run, others, base, node_group);
}

/// The pids that escape.py printed.
std::vector<std::string> pids_in(const std::string& text, std::size_t least = 2) {
  std::vector<std::string> out;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  BOOST_REQUIRE_GE(out.size(), least);
  return out;
}

/// A process of somebody else's, until the end of the test.
struct bystander {
  pid_t pid;
  explicit bystander(std::vector<std::string> env, bool own_session = true) : pid{fork()} {
    if (pid == 0) {
      if (own_session) setsid();
      std::vector<char*> words;
      for (auto& word : env) words.push_back(word.data());
      words.push_back(nullptr);
      execle("/bin/sleep", "sleep", "600", nullptr, words.data());
      _exit(127);
    }
    // Its exec is what gives it its environment.
    while (fs::read_symlink("/proc/" + std::to_string(pid) + "/exe").filename() ==
           fs::read_symlink("/proc/self/exe").filename())
      std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(50ms);  // Some ticks before what starts next.
  }
  ~bystander() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  [[nodiscard]] bool lives() const { return is_alive(std::to_string(pid)); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(runner_kin_rules)

BOOST_AUTO_TEST_CASE(a_mark_says_whose_it_is_whatever_else_does) {
  BOOST_TEST(ends({.group = 1, .start_ticks = 1, .mark = base + "/run-a"}));
  BOOST_TEST(ends({.group = 200, .start_ticks = 1'001, .mark = base + "/run-a"}));
  BOOST_TEST(!ends({.group = 100, .start_ticks = 1'001, .mark = base + "/run-b"}));
  BOOST_TEST(!ends({.group = 100, .start_ticks = 1'001, .mark = "/elsewhere/scratch/n1/run-a"}));
  BOOST_TEST(!ends({.group = 100, .start_ticks = 1'001, .mark = base + "1/run-a"}));
}

BOOST_AUTO_TEST_CASE(the_mark_of_a_run_that_is_over_protects_nobody) {
  BOOST_TEST(ends({.group = 1, .start_ticks = 1, .mark = base + "/run-z"}));
}

BOOST_AUTO_TEST_CASE(without_a_mark_the_group_decides) {
  BOOST_TEST(ends({.group = 100, .start_ticks = 1'001, .mark = {}}));
  BOOST_TEST(!ends({.group = 200, .start_ticks = 1'001, .mark = {}}));
}

BOOST_AUTO_TEST_CASE(who_hides_belongs_to_a_run_that_is_older) {
  BOOST_TEST(ends({.group = 300, .start_ticks = 1'000, .mark = {}}));
  BOOST_TEST(!ends({.group = 300, .start_ticks = 999, .mark = {}}));
  BOOST_TEST(!ends({.group = node_group, .start_ticks = 1'001, .mark = {}}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(runner_kin, fixture)

BOOST_AUTO_TEST_CASE(the_facts_of_a_process_are_read) {
  const bystander other{{"A=B", "CADRE_SCRATCH=/some/where", "CADRE_SCRATCHED=no"}};
  const auto entry = read_entry(other.pid);
  BOOST_REQUIRE(entry.has_value());
  BOOST_TEST(entry->parent == getpid());
  BOOST_TEST(entry->group == other.pid);
  BOOST_TEST(!entry->dead);
  BOOST_TEST(read_mark(other.pid) == "/some/where");
  BOOST_TEST(read_mark(getpid()) == "");
  const auto children = children_of(getpid());
  BOOST_TEST((std::find(children.begin(), children.end(), other.pid) != children.end()));
  BOOST_TEST(!read_entry(0x7ffffff0).has_value());
}

BOOST_AUTO_TEST_CASE(a_signal_reaches_only_the_process_that_was_meant) {
  const bystander other{{}};
  auto entry = *read_entry(other.pid);
  ++entry.start_ticks;  // As if the pid had been given to another process meanwhile.
  BOOST_TEST(!signal_exactly(entry, SIGKILL));
  BOOST_TEST(other.lives());
  --entry.start_ticks;
  BOOST_TEST(signal_exactly(entry, SIGKILL));
}

BOOST_AUTO_TEST_CASE(who_leaves_the_session_dies_with_the_run) {
  for (const char* how : {"marked", "bare"}) {
    const ended e = run(spec({"./escape.py", how}));
    BOOST_TEST((e.exit.how == exit_info::end::exited));
    for (const auto& pid : pids_in(e.out)) BOOST_TEST(!is_alive(pid), how << " " << pid);
    BOOST_TEST(!e.exit.group_survived);
  }
}

BOOST_AUTO_TEST_CASE(a_timeout_ends_those_who_left_and_ignore_sigterm) {
  auto s = spec({"./escape.py", "stay"});
  s.timeout = 1'500ms;
  s.grace = 200ms;
  const ended e = run(std::move(s));
  BOOST_TEST((e.exit.how == exit_info::end::timed_out));
  for (const auto& pid : pids_in(e.out)) BOOST_TEST(!is_alive(pid), pid);
}

BOOST_AUTO_TEST_CASE(sigterm_reaches_those_who_left) {
  const std::string told = base + "/told";
  auto s = spec({"/bin/sh", "-c",
                 "setsid sh -c 'trap \"echo told > " + told +
                     "; exit\" TERM; echo up; while :; do sleep 0.05; done' & "
                     "trap '' TERM; while :; do sleep 0.05; done"});
  s.timeout = 700ms;
  s.grace = 2s;
  const ended e = run(std::move(s));
  BOOST_TEST(e.out == "up\n");
  BOOST_TEST(fs::exists(told));
}

BOOST_AUTO_TEST_CASE(another_run_keeps_what_it_left) {
  std::promise<std::string> printed;
  process_callbacks callbacks;
  std::promise<void> over;
  callbacks.on_stdout = [&, text = std::string{}](std::string_view bytes) mutable {
    text += bytes;
    if (std::count(text.begin(), text.end(), '\n') == 3) printed.set_value(text);
  };
  callbacks.on_exit = [&](const exit_info&) { over.set_value(); };
  const auto id = host->start(spec({"./escape.py", "stay"}), std::move(callbacks));
  BOOST_REQUIRE(id.has_value());
  auto text = printed.get_future();
  BOOST_REQUIRE((text.wait_for(60s) == std::future_status::ready));
  const auto pids = pids_in(text.get(), 3);
  for (const auto& pid : pids_in(run(spec({"./escape.py"})).out)) BOOST_TEST(!is_alive(pid));
  for (const auto& pid : pids) BOOST_TEST(is_alive(pid));
  host->kill(*id, 0ms);
  over.get_future().wait();
  for (const auto& pid : pids) BOOST_TEST(!is_alive(pid));
  host.reset();  // Its thread uses what stands above.
}

BOOST_AUTO_TEST_CASE(nobody_else_is_touched) {
  const bystander older{{}};
  const bystander same_group{{}, false};
  const bystander marked{{"CADRE_SCRATCH=/elsewhere/scratch/n1/run-abcdef", "CADRE_RUN=r1", "CADRE_NODE=n1"}};
  run(spec({"./escape.py"}));
  BOOST_TEST(older.lives());
  BOOST_TEST(same_group.lives());
  BOOST_TEST(marked.lives());
}

BOOST_AUTO_TEST_CASE(what_a_killed_node_left_running_is_ended_by_the_next) {
  host.reset();
  const bystander other{{"CADRE_SCRATCH=" + base + "-of-another/run-abcdef", "CADRE_RUN=r1", "CADRE_NODE=n1"}};
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  const pid_t node = fork();
  if (node == 0) {
    process_host mine{{base, 4}};
    process_callbacks callbacks;
    callbacks.on_stdout = [&](std::string_view bytes) { (void)!write(ends[1], bytes.data(), bytes.size()); };
    if (!mine.start(spec({"./escape.py", "stay"}), std::move(callbacks))) _exit(1);
    while (true) pause();
  }
  close(ends[1]);  // So that its end, if it fails, is the end of the pipe.
  std::string text;
  for (char c = 0; std::count(text.begin(), text.end(), '\n') < 3 && read(ends[0], &c, 1) == 1;) text += c;
  close(ends[0]);
  const auto pids = pids_in(text, 3);

  // While it lives, its base is its own.
  BOOST_CHECK_THROW((process_host{{base, 4}}), std::runtime_error);
  for (const auto& pid : pids) BOOST_TEST(is_alive(pid));

  kill(node, SIGKILL);
  waitpid(node, nullptr, 0);
  BOOST_TEST(is_alive(pids[0]));
  BOOST_TEST(is_alive(pids[1]));
  host = std::make_unique<process_host>(process_host_options{base, 64});
  for (const auto& pid : pids) BOOST_TEST(!is_alive(pid), pid);
  BOOST_TEST(other.lives());
  BOOST_TEST(run(spec({"/bin/echo", "hello"})).out == "hello\n");
}

BOOST_AUTO_TEST_SUITE_END()
