#include "fleet.hpp"

#include <boost/test/unit_test.hpp>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <iostream>

using namespace cadre;
using namespace cadre::simulation;

namespace {

constexpr std::uint64_t seeds_by_default = 2'000;
constexpr std::chrono::seconds time_by_default{15};
constexpr std::uint64_t failures_max = 10;
constexpr std::uint64_t seeds_to_notice_max = 2'000;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// The log of the nodes would only hide what counts.
struct silence {
  silence() { spdlog::set_level(spdlog::level::off); }
};

std::string how_to_replay(std::uint64_t seed) {
  return "replay with: CADRE_SIM_SEED=" + std::to_string(seed) +
         " build/release/suites/unit_simulation --run_test=simulation/every_seed_keeps_the_promises";
}

void replay(std::uint64_t seed) {
  fleet f{seed, sabotage::none, true};
  const auto broken = f.play();
  for (const auto& line : f.log.lines()) std::cout << line << '\n';
  BOOST_TEST(broken.empty(), "seed " << seed << ": " << broken);
}

/// The first seed with which the sabotage was noticed; 0: none was.
std::uint64_t noticed(sabotage what, std::string& as) {
  for (std::uint64_t seed = 1; seed <= seeds_to_notice_max; ++seed) {
    as = fleet{seed, what}.play();
    if (!as.empty()) return seed;
  }
  return 0;
}

void must_be_noticed(sabotage what, const std::string& expected) {
  std::string as;
  const auto seed = noticed(what, as);
  BOOST_TEST(seed != 0, "no seed noticed it");
  BOOST_TEST_MESSAGE("noticed with seed " << seed << ": " << as);
  BOOST_TEST(as.find(expected) != std::string::npos, "noticed with seed " << seed << ", but as: " << as);
}

}  // namespace

BOOST_TEST_GLOBAL_FIXTURE(silence);

BOOST_AUTO_TEST_SUITE(simulation)

BOOST_AUTO_TEST_CASE(every_seed_keeps_the_promises) {
  if (const auto one = number_from("CADRE_SIM_SEED", 0); one != 0) return replay(one);
  const auto wanted = number_from("CADRE_SIM_SEEDS", 0);
  const auto first = number_from("CADRE_SIM_FIRST", 1);
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t played = 0;
  std::uint64_t failed = 0;
  std::uint64_t twins = 0;
  for (auto seed = first; failed < failures_max; ++seed) {
    const auto spent = std::chrono::steady_clock::now() - begun;
    const bool enough = wanted != 0 ? played >= wanted : played >= seeds_by_default || spent > time_by_default;
    if (enough) break;
    ++played;
    fleet f{seed};
    const auto broken = f.play();
    if (!broken.empty()) ++failed;
    if (f.watch.saw_twins()) ++twins;
    BOOST_TEST(broken.empty(), "seed " << seed
                                       << (f.plan.splits  ? " (with splits): "
                                           : f.plan.lossy ? " (lossy): "
                                                          : ": ")
                                       << broken << "; " << how_to_replay(seed));
  }
  const std::chrono::duration<double, std::ratio<60>> spent = std::chrono::steady_clock::now() - begun;
  std::cout << played << " seeds, " << static_cast<long>(static_cast<double>(played) / spent.count())
            << " a minute; in " << twins << " an agent lived twice for a while\n";
}

BOOST_AUTO_TEST_CASE(a_seed_is_the_same_each_time) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    fleet one{seed, sabotage::none, true};
    fleet two{seed, sabotage::none, true};
    one.play();
    two.play();
    BOOST_TEST(one.log.lines() == two.log.lines(), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(notices_a_writer_that_ignores_the_epoch) {
  must_be_noticed(sabotage::epoch_unchecked, "committed after epoch");
}

BOOST_AUTO_TEST_CASE(notices_effects_of_stale_incarnations) {
  must_be_noticed(sabotage::incarnation_unchecked, "is the newest");
}

BOOST_AUTO_TEST_CASE(notices_commands_that_take_effect_twice) {
  must_be_noticed(sabotage::commands_doubled, "took effect twice");
}

BOOST_AUTO_TEST_CASE(notices_answers_before_the_commit) {
  must_be_noticed(sabotage::answers_early, "acknowledged and is not there");
}

BOOST_AUTO_TEST_CASE(notices_commands_that_are_not_sent_again) {
  must_be_noticed(sabotage::resend_lost, "");
}

BOOST_AUTO_TEST_CASE(notices_a_lost_escalation) {
  must_be_noticed(sabotage::escalation_dropped, "are resolved or open");
}

BOOST_AUTO_TEST_CASE(notices_a_quarantine_that_nobody_is_told) {
  must_be_noticed(sabotage::quarantine_untold, "was not escalated");
}

BOOST_AUTO_TEST_CASE(notices_restarts_beyond_the_intensity) {
  must_be_noticed(sabotage::intensity_ignored, "restarts within the period");
}

BOOST_AUTO_TEST_CASE(notices_agents_that_stay_down_with_their_node) {
  must_be_noticed(sabotage::node_loss_unnoticed, "should run and does not");
}

BOOST_AUTO_TEST_CASE(it_notices_a_writer_that_overlooks_the_living) {
  must_be_noticed(sabotage::living_overlooked, "runs and is said to be");
}

BOOST_AUTO_TEST_SUITE_END()
