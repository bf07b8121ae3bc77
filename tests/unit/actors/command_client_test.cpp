#include "actors/command/command_client.hpp"

#include "agent_actor_desk.hpp"

#include <functional>
#include <string>

using namespace cadre;
using namespace cadre::actors;
using namespace cadre::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(command_client_test)

namespace {

command named(const std::string& id) {
  command c;
  c.id.text = id;
  c.body = clock_tick{};
  return c;
}

using answers = std::vector<std::string>;

/// Asks a command client and notes `ID STATUS`.
caf::behavior asker(caf::event_based_actor* self, const caf::actor& client, answers* noted) {
  return {
      [=](const command& c) {
        self->request(client, command_timeout, c)
            .then([=](const outcome& o) { noted->push_back(o.command.text + ' ' + std::string{to_text(o.status)}); },
                  [=, id = c.id.text](const caf::error&) { noted->push_back(id + " no answer"); });
      },
  };
}

struct client_fixture : deterministic {
  using reply = std::function<void(result<std::vector<outcome>>)>;

  client_fixture() {
    command_queue_options o;
    o.give_up_after = 60s;
    client = sys.spawn(
        command_client,
        [this](std::vector<command> batch, reply answer) {
          std::string ids;
          for (const auto& c : batch) ids += (ids.empty() ? "" : " ") + c.id.text;
          batches.push_back(ids);
          sent.push_back(std::move(batch));
          replies.push_back(std::move(answer));
        },
        o);
    ask = sys.spawn(asker, client, &noted);
    at_end(ask);
    at_end(client);
  }

  void add(const std::string& id) {
    caf::anon_send(ask, named(id));
    run();
  }
  void commit(std::size_t batch) {
    std::vector<outcome> all;
    for (const auto& c : sent.at(batch)) all.push_back(answered(c.id, outcome_status::committed));
    replies.at(batch)(std::move(all));
    run();
  }
  void lose(std::size_t batch) {
    replies.at(batch)(fail(errc::unreachable, "no answer"));
    run();
  }

  answers noted;
  std::vector<std::string> batches;
  std::vector<std::vector<command>> sent;
  std::vector<reply> replies;
  caf::actor client, ask;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(commands_travel_in_batches_and_are_answered_after_commit, client_fixture) {
  for (const char* id : {"a", "b", "c"}) add(id);
  BOOST_TEST(batches == (answers{"a"}), boost::test_tools::per_element());
  BOOST_TEST(noted.empty());
  commit(0);
  BOOST_TEST(batches == (answers{"a", "b c"}), boost::test_tools::per_element());
  commit(1);
  BOOST_TEST(noted == (answers{"a committed", "b committed", "c committed"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_lost_batch_is_repeated_after_a_pause, client_fixture) {
  add("a");
  lose(0);
  BOOST_TEST(batches.size() == 1u);
  advance(19ms, 1ms);
  BOOST_TEST(batches.size() == 1u);
  advance(1ms, 1ms);
  BOOST_TEST(batches == (answers{"a", "a"}), boost::test_tools::per_element());
  commit(1);
  BOOST_TEST(noted == answers{"a committed"}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(an_answer_to_an_earlier_batch_is_ignored, client_fixture) {
  add("a");
  lose(0);
  advance(20ms);
  BOOST_REQUIRE(batches.size() == 2u);
  add("b");
  commit(0);
  BOOST_TEST(noted.empty());
  BOOST_TEST(batches.size() == 2u);
  commit(1);
  commit(2);
  BOOST_TEST(noted == (answers{"a committed", "b committed"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(two_who_ask_for_the_same_command_are_both_answered, client_fixture) {
  add("a");
  add("a");
  BOOST_TEST(batches.size() == 1u);
  commit(0);
  BOOST_TEST(noted == (answers{"a committed", "a committed"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_writer_that_stays_away_is_told_as_in_doubt, client_fixture) {
  add("a");
  for (std::size_t batch = 0; batch < 1'000 && noted.empty(); ++batch) {
    if (replies.size() > batch) lose(batch);
    advance(1s, 100ms);
  }
  BOOST_TEST(noted == answers{"a in_doubt"}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_command_over_the_bound_is_refused_at_once, client_fixture) {
  auto big = named("big");
  journal_add j;
  j.text = std::string(800'000, 'x');
  big.body = j;
  caf::anon_send(ask, big);
  run();
  BOOST_TEST(noted == answers{"big rejected"}, boost::test_tools::per_element());
  BOOST_TEST(batches.empty());
}

BOOST_AUTO_TEST_SUITE_END()
