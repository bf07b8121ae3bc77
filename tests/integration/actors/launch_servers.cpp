#include "actors/launch/private_nats.hpp"
#include "actors/launch/private_postgres.hpp"
#include "integration/actors/launch_processes.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <fstream>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cadre;
using namespace cadre::launch;
using namespace cadre::testing;

namespace {

const auto quiet = [](std::string_view) {};

/// One row of an SQL statement through psql: the launcher itself does not talk to the database.
std::string query(const std::string& url, const std::string& sql, const temp_folder& folder) {
  const auto programs = find_postgres_programs();
  BOOST_REQUIRE(programs);
  program psql;
  psql.path = *programs + "/psql";
  psql.argv = {"psql", url, "-X", "-A", "-t", "-c", sql};
  psql.env = environment_without("PG");
  psql.log_file = folder / "psql.log";
  ::unlink(psql.log_file.c_str());
  BOOST_REQUIRE(run_program(psql, 30s));
  return slurp(psql.log_file);
}

struct postgres_up {
  explicit postgres_up(const std::string& path) : state(state_dir::open(path)), keeper({}, quiet) {
    BOOST_REQUIRE(state);
    const auto made = private_postgres::prepare(*state, "pass word/1");
    BOOST_REQUIRE_MESSAGE(made, (made ? "" : made.error().message));
    server = *made;
    keeper.add(private_postgres::spec(server));
    await();
  }
  ~postgres_up() { finish(keeper); }
  void await() {
    step_until(keeper, "postgres ready", [&] { return server->ready(keeper.pid_of("postgres")); });
  }
  [[nodiscard]] std::string url() const { return server->url("cadre", "pass word/1", "postgres"); }

  result<state_dir> state;
  process_keeper keeper;
  std::shared_ptr<private_postgres> server;
};

struct listener {
  listener() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    BOOST_REQUIRE_EQUAL(::bind(fd.get(), plain, size), 0);
    BOOST_REQUIRE_EQUAL(::listen(fd.get(), 1), 0);
    BOOST_REQUIRE_EQUAL(::getsockname(fd.get(), plain, &size), 0);
    port = ntohs(address.sin_port);
  }
  descriptor fd;
  int port = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(launch_postgres)

BOOST_AUTO_TEST_CASE(is_made_started_and_keeps_its_rows) {
  const temp_folder folder;
  {
    const postgres_up up(folder / "s");
    BOOST_TEST(up.server->on_socket());
    query(up.url(), "create table t as select 41 + 1 as x", folder);
    BOOST_TEST(query(up.url(), "select x from t", folder) == "42\n");
    BOOST_TEST(query(up.url(), "select current_setting('fsync') || current_setting('synchronous_commit')", folder) ==
               "onon\n");
    BOOST_TEST(query(up.url(), "select current_setting('listen_addresses')", folder) == "\n");
    BOOST_TEST(query(up.url(), "select getdatabaseencoding()", folder) == "UTF8\n");
  }
  BOOST_TEST(::access((folder / "s/postgres/data/postmaster.pid").c_str(), F_OK) != 0);
  const postgres_up again(folder / "s");
  BOOST_TEST(query(again.url(), "select x from t", folder) == "42\n");
}

BOOST_AUTO_TEST_CASE(refuses_a_wrong_password) {
  const temp_folder folder;
  const postgres_up up(folder / "s");
  const auto answer = query(up.server->url("cadre", "guess", "postgres"), "select 1", folder);
  BOOST_TEST(answer.find("password authentication failed") != std::string::npos);
  BOOST_TEST(::access((folder / "s/postgres/password").c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(is_started_again_after_kill_9) {
  const temp_folder folder;
  postgres_up up(folder / "s");
  query(up.url(), "create table t as select 1 as x", folder);
  const auto before = up.keeper.pid_of("postgres");
  ::kill(before, SIGKILL);
  step_until(up.keeper, "its death", [&] { return up.keeper.deaths_of("postgres") == 1; });
  up.await();
  BOOST_TEST(up.keeper.pid_of("postgres") != before);
  BOOST_TEST(query(up.url(), "select x from t", folder) == "1\n");
}

BOOST_AUTO_TEST_CASE(a_stale_pid_file_does_not_matter) {
  const temp_folder folder;
  { const postgres_up up(folder / "s"); }
  // A living process that is no Postgres, as after a restart of the machine.
  std::ofstream(folder / "s/postgres/data/postmaster.pid") << ::getpid() << "\n"
                                                           << (folder / "s/postgres/data") << "\n";
  const postgres_up again(folder / "s");
  BOOST_TEST(query(again.url(), "select 1", folder) == "1\n");
}

BOOST_AUTO_TEST_CASE(a_server_left_behind_is_ended_first) {
  const temp_folder folder;
  { const postgres_up up(folder / "s"); }
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  pid_t left = 0;
  {
    // The same data folder, from a keeper that goes without stopping it.
    const auto made = private_postgres::prepare(const_cast<state_dir&>(*state), "pass word/1");
    BOOST_REQUIRE(made);
    const auto what = private_postgres::spec(*made).make();
    BOOST_REQUIRE(what);
    const auto pid = spawn(*what);
    BOOST_REQUIRE(pid);
    left = *pid;
    wait_until("postgres ready", [&] { return (*made)->ready(left); });
    process_keeper keeper({}, quiet);
    const auto second = private_postgres::prepare(const_cast<state_dir&>(*state), "pass word/1");
    BOOST_REQUIRE(second);
    keeper.add(private_postgres::spec(*second));
    step_until(keeper, "the second", [&] { return (*second)->ready(keeper.pid_of("postgres")); });
    BOOST_TEST(!lives(left));
    finish(keeper);
  }
}

BOOST_AUTO_TEST_CASE(a_long_path_falls_back_to_a_port) {
  const temp_folder folder;
  const postgres_up up(folder / std::string(90, 'x'));
  BOOST_TEST(!up.server->on_socket());
  BOOST_TEST(up.url().find("@127.0.0.1:") != std::string::npos);
  BOOST_TEST(query(up.url(), "select current_setting('listen_addresses')", folder) == "127.0.0.1\n");
}

BOOST_AUTO_TEST_CASE(root_becomes_somebody_else) {
  if (::geteuid() != 0) return;
  const temp_folder folder;
  {
    // mkdtemp's folder is 0700: the user postgres can't pass, so a user namespace it is.
    const postgres_up up(folder / "s");
    BOOST_TEST((up.server->runs_as().how == identity::mode::namespaced));
    BOOST_TEST(query(up.url(), "select 1", folder) == "1\n");
  }
  if (::getpwnam("postgres") == nullptr) return;
  BOOST_REQUIRE_EQUAL(::chmod(folder.path().c_str(), 0711), 0);
  const postgres_up up(folder / "t");
  BOOST_TEST((up.server->runs_as().how == identity::mode::user));
  BOOST_TEST(query(up.url(), "select 1", folder) == "1\n");
}

BOOST_AUTO_TEST_CASE(a_missing_version_is_named) {
  const auto none = find_postgres_programs("8");
  BOOST_REQUIRE(!none);
  BOOST_TEST(none.error().message.find("apt-get install postgresql-8") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(launch_nats)

BOOST_AUTO_TEST_CASE(starts_on_loopback_and_greets) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  const auto nats = private_nats::prepare(*state, "secret");
  BOOST_REQUIRE(nats);
  BOOST_TEST(!(*nats)->ready());
  process_keeper keeper({}, quiet);
  keeper.add(private_nats::spec(*nats));
  step_until(keeper, "nats ready", [&] { return (*nats)->ready(); });
  BOOST_TEST((*nats)->url() == "nats://cadre:secret@127.0.0.1:" + std::to_string((*nats)->port()));
  const auto pid = keeper.pid_of("nats");

  // It keeps its port when it has to start again: its clients know it.
  const auto port = (*nats)->port();
  ::kill(pid, SIGKILL);
  step_until(keeper, "its death", [&] { return keeper.deaths_of("nats") == 1; });
  step_until(keeper, "nats ready again", [&] { return keeper.pid_of("nats") != 0 && (*nats)->ready(); });
  BOOST_TEST((*nats)->port() == port);
  const auto second = keeper.pid_of("nats");
  finish(keeper);
  BOOST_TEST(!lives(second));
  BOOST_TEST(!(*nats)->ready());
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_refused_by_name) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  const listener taken;
  const auto nats = private_nats::prepare(*state, "secret", taken.port);
  BOOST_REQUIRE(!nats);
  BOOST_TEST(nats.error().message.find("port " + std::to_string(taken.port) + " on 127.0.0.1 can't be used: Address") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_left_behind_is_ended_first) {
  const temp_folder folder;
  const auto state = state_dir::open(folder / "s");
  BOOST_REQUIRE(state);
  const auto first = private_nats::prepare(*state, "secret");
  BOOST_REQUIRE(first);
  const auto what = private_nats::spec(*first).make();
  BOOST_REQUIRE(what);
  const auto left = spawn(*what);
  BOOST_REQUIRE(left);
  wait_until("nats ready", [&] { return (*first)->ready(); });
  const auto second = private_nats::prepare(*state, "secret");
  BOOST_REQUIRE(second);
  BOOST_TEST(!lives(*left));
  ::waitpid(*left, nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()
