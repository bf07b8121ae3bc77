#include "broken.hpp"
#include "config/load.hpp"

#include <boost/test/unit_test.hpp>

/// What the config says of watching: documents, the ping outside, and where watchers live.
BOOST_AUTO_TEST_SUITE(watching_config)

namespace {

constexpr const char* before = "fleet: {lease: 5s}";

cadre::config::company watched(std::string_view yaml) {
  auto made = cadre::config::load_text(yaml, "cadre.yaml");
  BOOST_TEST_REQUIRE(made.ok(), sample::all_texts(made.problems));
  return std::move(made.value);
}

BOOST_AUTO_TEST_CASE(a_ping_and_documents_are_read_with_their_defaults) {
  const auto none = watched(sample::text);
  BOOST_TEST(!none.dead_man.has_value());
  BOOST_TEST(none.documents.empty());
  const auto c =
      watched(sample::changed(before, "documents: [a.md, b.md]\ndead_man: {url: \"https://x/y\", every: 1m}"));
  BOOST_REQUIRE(c.dead_man.has_value());
  BOOST_TEST(c.dead_man->url == "https://x/y");
  BOOST_TEST(c.dead_man->every.count() == 60'000);
  BOOST_TEST(c.dead_man->timeout.count() == 10'000);
  BOOST_TEST(c.dead_man->attempts == 3);
  BOOST_TEST(c.documents.size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_them_is_said_without_the_url) {
  sample::expect({before, "dead_man: {~url: \"ftp://secret\"}", "dead_man.url",
                  "not a URL that can be pinged; allowed: http://... or https://..."});
  sample::expect({before, "~dead_man: {every: 1m}", "dead_man.url", "is required and missing"});
  sample::expect({before, "dead_man: {url: \"http://x\", ~every: 1ms}", "dead_man.every", "from 1s to 1d"});
  sample::expect({before, "documents: [a.md, ~a.md]", "documents[1]", "twice"});
}

BOOST_AUTO_TEST_CASE(a_plan_says_that_the_ping_changed_and_not_to_what) {
  const auto with = [](const std::string& url) {
    return watched(sample::changed(before, "documents: [a.md]\ndead_man: {url: \"http://" + url + "\"}"));
  };
  const auto steps = cadre::config::plan(with("first"), with("second"));
  BOOST_REQUIRE_EQUAL(steps.size(), 1U);
  BOOST_TEST(steps[0].detail == "dead_man: changed");
}

BOOST_AUTO_TEST_CASE(a_watcher_that_names_no_node_lives_away_from_the_leader) {
  const auto c = watched(sample::text);
  const std::vector<std::string> away{"n2", "n1"}, usual{"n1", "n2"};
  BOOST_TEST(c.find_agent({"ceo.ops.clock"})->nodes == away, boost::test_tools::per_element());
  BOOST_TEST(c.find_agent({"ceo.data.fetch"})->nodes == usual, boost::test_tools::per_element());
  const auto controls = watched(sample::changed("n2: {roles: [work]}", "n2: {roles: [control, work]}"));
  BOOST_TEST(controls.find_agent({"ceo.ops.clock"})->nodes == away, boost::test_tools::per_element());
  const auto named = watched(sample::changed("clock: {role: worker,", "clock: {role: worker, node: [n1, n2],"));
  BOOST_TEST(named.find_agent({"ceo.ops.clock"})->nodes == usual, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
