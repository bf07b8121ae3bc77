#include "actors/supervision/type_ids.hpp"
#include "actors/watch/canary.hpp"
#include "actors/watch/watchdog.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdlib>
#include <cstring>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace cadre;
using namespace cadre::actors;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t scheduler_threads = 2;

/// What systemd is to a service: a datagram socket and the wish to hear from it every 20 ms.
class fake_systemd {
 public:
  fake_systemd() : fd_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = "cadre-notify-" + std::to_string(getpid());
    std::memcpy(address.sun_path + 1, path.data(), path.size());  // Abstract: no file to clean up.
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    setenv("NOTIFY_SOCKET", ("@" + path).c_str(), 1);
    setenv("WATCHDOG_USEC", "40000", 1);
  }
  ~fake_systemd() {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    ::close(fd_);
  }

  /// The next message; empty if none came in time.
  std::string next(std::chrono::milliseconds limit = 60s) {
    pollfd watched{fd_, POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(limit.count())) <= 0) return {};
    char text[1024];
    const auto size = ::recv(fd_, text, sizeof text, 0);
    return size > 0 ? std::string{text, static_cast<std::size_t>(size)} : std::string{};
  }

  /// Reads on until a message begins so; the messages before it.
  std::vector<std::string> until(const std::string& wanted) {
    std::vector<std::string> before;
    for (const auto end = std::chrono::steady_clock::now() + 60s;;) {
      const auto message = next();
      // The watchdog goes on saying that it lives, so silence alone is no bound.
      BOOST_REQUIRE_MESSAGE(!message.empty() && std::chrono::steady_clock::now() < end, "no " + wanted);
      if (message.starts_with(wanted)) return before;
      before.push_back(message);
    }
  }

  /// What has come so far.
  std::vector<std::string> pending() {
    std::vector<std::string> out;
    for (auto message = next(0ms); !message.empty(); message = next(0ms)) out.push_back(message);
    return out;
  }

 private:
  int fd_;
};

struct config : caf::actor_system_config {
  config() { set("scheduler.max-threads", scheduler_threads); }
};

bool contains(const std::vector<std::string>& messages, const std::string& text) {
  return std::find(messages.begin(), messages.end(), text) != messages.end();
}

bool any_pet(const std::vector<std::string>& messages) {
  return contains(messages, "WATCHDOG=1");
}

/// Agents that answer, and one that can be told to block its thread.
struct fixture {
  fake_systemd systemd;
  config cfg;
  caf::actor_system system{cfg};
  std::shared_ptr<pulse> signs = std::make_shared<pulse>();
  std::atomic<bool> bus_connected{true};
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  bool unblocked = false;
  std::vector<caf::actor> agents;
  caf::actor bird;

  fixture() {
    for (std::size_t i = 0; i < scheduler_threads; ++i)
      agents.push_back(system.spawn([gate = released](caf::event_based_actor*) -> caf::behavior {
        return {[](supervision::ready_atom) { return true; }, [gate](std::uint64_t) { gate.wait(); }};
      }));
    bird = system.spawn(canary, signs, [this] {
      agent_list out;
      for (std::size_t i = 0; i < agents.size(); ++i)
        out.emplace_back(agent_path{"ceo.a" + std::to_string(i)}, agents[i].address());
      return out;
    });
  }
  ~fixture() {
    unblock();  // A test that failed in between.
    for (auto& agent : agents) caf::anon_send_exit(agent, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(bird, caf::exit_reason::user_shutdown);
    caf::scoped_actor {
      system
      } -> wait_for(bird);  // It reads `agents`.
  }

  void unblock() {
    if (!std::exchange(unblocked, true)) release.set_value();
  }

  std::unique_ptr<watchdog> watch(std::chrono::milliseconds scheduler_max, std::chrono::milliseconds agent_max) {
    watchdog_options o;
    o.look_every = 5ms;
    o.limits.scheduler_max = scheduler_max;
    o.limits.agent_max = agent_max;
    o.limits.leader_max = o.limits.commit_max = 1h;
    return std::make_unique<watchdog>(
        o, signs, [this](std::uint64_t number) { caf::anon_send(bird, number); },
        [this] { return bus_connected.load(); });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watch_dog, fixture)

BOOST_AUTO_TEST_CASE(systemd_hears_of_start_life_and_end) {
  auto dog = watch(60s, 60s);
  systemd.until("WATCHDOG=1");
  dog->ready();
  systemd.until("READY=1");
  systemd.until("WATCHDOG=1");
  dog->draining();
  // Two threads say so, in either order.
  if (!contains(systemd.until("STOPPING=1"), "STATUS=draining")) systemd.until("STATUS=draining");
  systemd.until("WATCHDOG=1");
  dog.reset();
  systemd.pending();
  BOOST_TEST(systemd.next(100ms) == "");
}

BOOST_AUTO_TEST_CASE(no_pets_while_all_scheduler_threads_are_blocked) {
  auto dog = watch(300ms, 60s);
  systemd.until("WATCHDOG=1");
  for (auto& agent : agents) caf::anon_send(agent, std::uint64_t{1});
  systemd.until("STATUS=stalled: scheduler");
  BOOST_TEST((dog->report().state == health_state::stalled));
  std::this_thread::sleep_for(400ms);  // Ten times what systemd would wait.
  BOOST_TEST(!any_pet(systemd.pending()));
  unblock();
  BOOST_TEST(!any_pet(systemd.until("STATUS=ok")));
  systemd.until("WATCHDOG=1");
  BOOST_TEST((dog->report().state == health_state::ok));
}

BOOST_AUTO_TEST_CASE(no_pets_while_one_agent_blocks_one_thread) {
  auto dog = watch(60s, 300ms);
  systemd.until("WATCHDOG=1");
  caf::anon_send(agents[1], std::uint64_t{1});
  systemd.until("STATUS=stalled: agent ceo.a1");
  std::this_thread::sleep_for(400ms);
  BOOST_TEST(!any_pet(systemd.pending()));
  unblock();
  BOOST_TEST(!any_pet(systemd.until("STATUS=ok")));
  systemd.until("WATCHDOG=1");
}

BOOST_AUTO_TEST_CASE(an_agent_that_ended_is_not_missed) {
  auto dog = watch(60s, 300ms);
  systemd.until("WATCHDOG=1");
  caf::anon_send_exit(agents[1], caf::exit_reason::kill);
  std::this_thread::sleep_for(700ms);
  for (const auto& message : systemd.pending()) BOOST_TEST(message.find("ceo.a1") == std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(a_node_without_its_bus_is_degraded_but_alive) {
  auto dog = watch(60s, 60s);
  bus_connected = false;
  systemd.until("STATUS=degraded: bus");
  systemd.until("WATCHDOG=1");
  bus_connected = true;
  systemd.until("STATUS=ok");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(watch_dog_without_systemd_nothing_is_said) {
  const service_manager none;
  BOOST_TEST(!none.pet_every().has_value());
  none.ready();
}
