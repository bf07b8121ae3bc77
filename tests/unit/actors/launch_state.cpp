#include "actors/launch/replicated_postgres.hpp"
#include "actors/launch/runtime.hpp"
#include "actors/launch/state_dir.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cadre;
using namespace cadre::launch;
using cadre::testing::temp_folder;

BOOST_AUTO_TEST_SUITE(launch_state)

namespace {

mode_t mode_of(const std::string& path) {
  struct stat info {};
  BOOST_REQUIRE_EQUAL(::stat(path.c_str(), &info), 0);
  return info.st_mode & 07777;
}

/// A process that holds the state directory until it is killed.
pid_t hold(const std::string& path) {
  int ends[2];
  BOOST_REQUIRE_EQUAL(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto state = state_dir::open(path);
    const char answer = state ? 'y' : 'n';
    if (::write(ends[1], &answer, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char answer = '?';
  BOOST_REQUIRE_EQUAL(::read(ends[0], &answer, 1), 1);
  BOOST_REQUIRE_EQUAL(answer, 'y');
  ::close(ends[0]);
  ::close(ends[1]);
  return pid;
}

void kill_hard(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

runtime sample(const std::string& state) {
  runtime r;
  r.company = "fleetwatch";
  r.config = "/etc/fleetwatch.yaml";
  r.state = state;
  r.since = "2026-11-21T03:51:13.123456Z";
  r.pid = 42;
  r.nats_url = "nats://cadre:secret@127.0.0.1:4222";
  r.database = {"su", "mi", "wr", "re", "mp", "wp", "rp", "cadre"};
  r.postgres_pid = 43;
  r.nats_pid = 44;
  r.nodes = {{"iron-pc", 45}, {"iron-vps-01", 0}};
  r.servers = {{"postgres-2", "postgresql://a", 46}, {"nats-1", "nats://b", 0}};
  return r;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_folder_is_private) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "deep/er/.cadre");
  BOOST_REQUIRE(state);
  BOOST_TEST(mode_of(state->path()) == 0700);
  BOOST_TEST(mode_of(state->path() + "/logs") == 0700);
  BOOST_TEST(mode_of(state->path() + "/lock") == 0600);
  BOOST_TEST(read_file(state->path() + "/.gitignore").value_or("") == "*\n");
}

BOOST_AUTO_TEST_CASE(a_folder_open_to_others_is_closed) {
  const temp_folder folder;
  BOOST_REQUIRE_EQUAL(::mkdir((folder / "s").c_str(), 0700), 0);
  BOOST_REQUIRE_EQUAL(::chmod((folder / "s").c_str(), 0777), 0);
  BOOST_REQUIRE(state_dir::open(folder / "s"));
  BOOST_TEST(mode_of(folder / "s") == 0700);
}

BOOST_AUTO_TEST_CASE(a_second_holder_is_refused_and_told_who_holds_it) {
  const temp_folder folder;
  const auto pid = hold(folder / "s");
  const auto second = state_dir::open(folder / "s");
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == errc::refused));
  BOOST_TEST(second.error().message.find("pid " + std::to_string(pid)) != std::string::npos);
  BOOST_TEST(second.error().message.find("since 20") != std::string::npos);
  BOOST_TEST(second.error().message.find("cadre down --state") != std::string::npos);

  const auto holder = find_holder(folder / "s");
  BOOST_REQUIRE(holder && *holder);
  BOOST_TEST((*holder)->pid == pid);
  kill_hard(pid);
}

BOOST_AUTO_TEST_CASE(the_lock_of_a_killed_process_is_free) {
  const temp_folder folder;
  kill_hard(hold(folder / "s"));
  const auto holder = find_holder(folder / "s");
  BOOST_REQUIRE(holder);
  BOOST_TEST(!*holder);
  BOOST_TEST(!!state_dir::open(folder / "s"));
}

BOOST_AUTO_TEST_CASE(a_holder_with_a_recycled_pid_is_not_named) {
  const temp_folder folder;
  const auto pid = hold(folder / "s");
  std::ofstream(folder / "s/lock") << R"({"pid": 1, "since": "", "command": "", "start_ticks": "not-those-of-init"})";
  const auto holder = find_holder(folder / "s");
  BOOST_REQUIRE(holder && *holder);
  BOOST_TEST((*holder)->pid == 0);
  kill_hard(pid);
}

BOOST_AUTO_TEST_CASE(nobody_holds_a_folder_that_does_not_exist) {
  const auto holder = find_holder("/nonexistent/state");
  BOOST_REQUIRE(holder);
  BOOST_TEST(!*holder);
}

BOOST_AUTO_TEST_CASE(secrets_are_made_once) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  const auto first = state->load_secrets();
  const auto second = state->load_secrets();
  BOOST_REQUIRE(first && second);
  BOOST_TEST(first->cadre_writer.size() == 48u);
  BOOST_TEST(first->cadre_writer != first->cadre_reader);
  BOOST_TEST(first->cadre_writer == second->cadre_writer);
  BOOST_TEST(first->nats == second->nats);
  BOOST_TEST(mode_of(state->path() + "/secrets.json") == 0600);
}

BOOST_AUTO_TEST_CASE(damaged_secrets_are_not_replaced) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  std::ofstream(folder / "s/secrets.json") << "{\"nats\": ";
  const auto loaded = state->load_secrets();
  BOOST_REQUIRE(!loaded);
  BOOST_TEST(loaded.error().message.find("secrets.json is damaged") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_runtime_survives_its_file) {
  const temp_folder folder;
  const auto before = sample(folder.path());
  BOOST_REQUIRE(save_runtime(before));
  BOOST_TEST(mode_of(folder / "runtime.json") == 0600);
  const auto after = load_runtime(folder.path());
  BOOST_REQUIRE(after);
  BOOST_TEST(after->company == before.company);
  BOOST_TEST(after->config == before.config);
  BOOST_TEST(after->since == before.since);
  BOOST_TEST(after->pid == 42);
  BOOST_TEST(after->nats_url == before.nats_url);
  BOOST_TEST(after->database.superuser_url == "su");
  BOOST_TEST(after->database.migrator_url == "mi");
  BOOST_TEST(after->database.writer_url == "wr");
  BOOST_TEST(after->database.reader_url == "re");
  BOOST_TEST(after->database.reader_password == "rp");
  BOOST_TEST(after->postgres_pid == 43);
  BOOST_TEST(after->nats_pid == 44);
  BOOST_REQUIRE_EQUAL(after->nodes.size(), 2u);
  BOOST_TEST(after->nodes[0].name == "iron-pc");
  BOOST_TEST(after->nodes[0].pid == 45);
  BOOST_REQUIRE_EQUAL(after->servers.size(), 2u);
  BOOST_TEST(after->servers[0].name == "postgres-2");
  BOOST_TEST(after->servers[0].url == "postgresql://a");
  BOOST_TEST(after->servers[0].pid == 46);
}

BOOST_AUTO_TEST_CASE(the_primary_is_on_record_only_where_there_is_a_replica) {
  const temp_folder folder;
  BOOST_TEST(!recorded_primary(folder.path()));
  BOOST_REQUIRE(record_primary(folder.path(), "postgres-2"));
  BOOST_TEST(recorded_primary(folder.path()).value_or("") == "postgres-2");
}

BOOST_AUTO_TEST_CASE(a_reader_s_address_asks_for_a_primary_because_its_role_writes_nowhere) {
  const std::string both = "postgresql://su@a:1,b:2/postgres?target_session_attrs=read-write&connect_timeout=2";
  BOOST_TEST(with_login(both, "cadre_reader", "p", "d").value() ==
             "postgresql://cadre_reader:p@a:1,b:2/d?target_session_attrs=primary&connect_timeout=2");
  BOOST_TEST(with_login(both, "cadre_writer", "p", "d").value() ==
             "postgresql://cadre_writer:p@a:1,b:2/d?target_session_attrs=read-write&connect_timeout=2");
}

BOOST_AUTO_TEST_CASE(no_runtime_means_nothing_is_up) {
  const temp_folder folder;
  const auto none = load_runtime(folder.path());
  BOOST_REQUIRE(!none);
  BOOST_TEST((none.error().code == errc::unreachable));
  std::ofstream(folder / "runtime.json") << "{\"company\": 1}";
  const auto damaged = load_runtime(folder.path());
  BOOST_REQUIRE(!damaged);
  BOOST_TEST((damaged.error().code == errc::bad_message));
}

BOOST_AUTO_TEST_CASE(logins_replace_user_password_and_database) {
  const auto change = [](const std::string& url) { return with_login(url, "w", "p:w", "d").value_or("refused"); };
  BOOST_TEST(change("postgresql://cadre@127.0.0.1:5432/postgres") == "postgresql://w:p%3aw@127.0.0.1:5432/d");
  BOOST_TEST(change("postgres://a:b@db.example") == "postgresql://w:p%3aw@db.example/d");
  BOOST_TEST(change("postgresql://a:b@/x?host=/tmp&port=1") == "postgresql://w:p%3aw@/d?host=/tmp&port=1");
  BOOST_TEST(change("postgresql://host") == "postgresql://w:p%3aw@host/d");
  BOOST_TEST(change("host=/tmp user=x") == "refused");
  BOOST_TEST(change("") == "refused");
}

BOOST_AUTO_TEST_CASE(tails_show_the_last_lines) {
  const temp_folder folder;
  std::ofstream(folder / "log") << "one\ntwo\nthree\n";
  BOOST_TEST(tail_of(folder / "log", 2) == "  | two\n  | three");
  BOOST_TEST(tail_of(folder / "log", 9) == "  | one\n  | two\n  | three");
  BOOST_TEST(tail_of(folder / "none", 9) == "");
}

BOOST_AUTO_TEST_SUITE_END()
