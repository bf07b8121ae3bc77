#include "runner_host.hpp"

using namespace runner_tests;

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

BOOST_AUTO_TEST_CASE(fifty_at_once) {
  std::vector<std::future<ended>> all;
  for (int i = 0; i < 50; ++i) all.push_back(start(spec({"/bin/sh", "-c", "sleep 0.2; echo " + std::to_string(i)})));
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(all[i].get().out == std::to_string(i) + '\n');
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

BOOST_AUTO_TEST_SUITE_END()
