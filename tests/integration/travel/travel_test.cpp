#include "config/calendar.hpp"
#include "config/load.hpp"
#include "judge.hpp"
#include "moments.hpp"
#include "troubles.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <sstream>

/// Companies travel through weeks in which clocks change, in virtual time; see README.md.
namespace cadre::travel {

namespace {

/// Thirty days from each of these hold what Europe/Rome, America/New_York and Australia/Lord_Howe do to their clocks.
constexpr const char* spring = "2026-03-07T00:00:00Z";  // 8 and 29 March, 5 April
constexpr const char* autumn = "2026-10-03T00:00:00Z";  // 3 and 25 October, 1 November

std::uint64_t number_from(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

std::string source(const std::string& path) {
  return std::string{CADRE_SOURCE_DIR} + "/" + path;
}

config::company load(const std::string& path) {
  auto loaded = config::load_file(source(path));
  std::string why;
  for (const auto& p : loaded.problems) why += p.text() + "\n";
  BOOST_REQUIRE_MESSAGE(loaded.ok(), why);
  return loaded.value;
}

constexpr const char* fleetwatch = "config/fleetwatch.yaml";
constexpr const char* minimal = "config/examples/minimal.yaml";
constexpr const char* zones = "tests/integration/travel/zones.yaml";

struct journey {
  std::string company;
  std::string from;
  std::int64_t days = 30;
  std::uint64_t seed = 1;
  bool quiet = false;
  std::vector<trouble> kinds = {};
  sabotage broken = sabotage::none;
};

struct outcome_of {
  std::vector<std::string> wrongs;
  std::size_t silences = 0;
};

/// What can't be found while others travel, too: it sets the time zone of the process.
struct luggage {
  config::company company;
  timestamp start, end;
  due_moments due;
};

luggage pack(const journey& j) {
  luggage l{load(j.company), *from_iso(j.from), *from_iso(j.from) + std::chrono::days{j.days}, {}};
  l.due = moments_of(l.company, l.start, l.end);
  return l;
}

outcome_of make(const journey& j, luggage with) {
  const auto begun = std::chrono::steady_clock::now();
  const auto start = with.start, end = with.end;
  const bool story = std::getenv("CADRE_TRAVEL_STORY") != nullptr;
  fleet f{std::move(with.company), start, j.seed, j.broken};
  f.tell_story(story);
  judge by{f, start, end, std::move(with.due)};
  std::optional<troubles> ill;
  // The last day is for what has to be over by then.
  if (!j.quiet) ill.emplace(f, by, start + hours{30}, end + -hours{24}, j.kinds);
  f.run_until(end);
  outcome_of r;
  r.wrongs = by.verdict(j.quiet);
  r.silences = by.planted();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::ostringstream line;
  line << f.company().name << " from " << j.from.substr(0, 10) << ", " << j.days << " days"
       << (j.quiet ? ", without faults: " : ", seed " + std::to_string(j.seed) + ": ") << by.fires() << " fires (";
  const char* comma = "";
  for (const auto& [outcome, count] : by.outcomes()) {
    line << comma << count << " " << outcome;
    comma = ", ";
  }
  std::size_t planted = 0;
  if (ill)
    for (const auto& [kind, count] : ill->planted()) planted += static_cast<std::size_t>(count);
  line << "), " << planted << " troubles, " << r.silences << " silences, " << f.steps() << " moments in "
       << static_cast<int>(took.count() * 10) / 10.0 << " s\n";
  std::cout << line.str() << std::flush;
  return r;
}

/// Those of one list at the same time: each has a database of its own, and the machine more than one core.
void must_be_right(const std::vector<journey>& all) {
  std::vector<luggage> packed;
  for (const auto& j : all) packed.push_back(pack(j));
  std::vector<std::future<outcome_of>> made;
  for (std::size_t i = 0; i < all.size(); ++i)
    made.push_back(std::async(std::launch::async, make, all[i], std::move(packed[i])));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto r = made[i].get();
    std::string wrongs;
    for (const auto& w : r.wrongs) wrongs += "\n  " + w;
    BOOST_TEST(r.wrongs.empty(), all[i].company << " from " << all[i].from << ":" << wrongs
                                                << "\n  replay: CADRE_TRAVEL_SEED=" << all[i].seed
                                                << " CADRE_TRAVEL_STORY=1 build/release/suites/integration_travel "
                                                << "--run_test='travel/faults_*'");
  }
}

void must_be_noticed(sabotage broken, trouble kind, const std::string& what, const std::string& company = fleetwatch) {
  const journey j{company, spring, 4, 1, false, {kind}, broken};
  const auto r = make(j, pack(j));
  BOOST_TEST(!r.wrongs.empty());
  std::string all;
  for (const auto& w : r.wrongs) all += w + "\n";
  BOOST_TEST(all.find(what) != std::string::npos, all);
}

/// The seeds to travel with; one by default.
std::vector<std::uint64_t> seeds() {
  if (const auto one = number_from("CADRE_TRAVEL_SEED", 0); one != 0) return {one};
  std::vector<std::uint64_t> all;
  for (std::uint64_t i = 1; i <= number_from("CADRE_TRAVEL_SEEDS", 1); ++i) all.push_back(i);
  return all;
}

std::int64_t days() {
  return static_cast<std::int64_t>(number_from("CADRE_TRAVEL_DAYS", 30));
}

/// Nothing here outlives the server, and the writer waits for each of its commits.
struct disk_need_not_follow {
  disk_need_not_follow() { virtual_database::set_server("fsync", "off"); }
  ~disk_need_not_follow() { virtual_database::set_server("fsync", "on"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(travel, *boost::unit_test::fixture<disk_need_not_follow>())

BOOST_AUTO_TEST_CASE(the_database_asks_no_other_clock) {
  virtual_database db{{"c"}, *from_iso(spring)};
  BOOST_TEST(db.uses_other_clocks() == "");
  BOOST_TEST(db.ask("SELECT clock_timestamp() = $1::timestamptz", spring)[0][0].as<bool>());
  db.set(*from_iso(autumn));
  BOOST_TEST(db.ask("SELECT clock_timestamp() = $1::timestamptz", autumn)[0][0].as<bool>());
}

/// Two books that share nothing: the calendar that the writer goes by, and a search second by second.
BOOST_AUTO_TEST_CASE(calendars_name_the_moments_that_clocks_on_the_wall_do) {
  const auto company = load(zones);
  std::size_t all = 0;
  for (const auto* from : {spring, autumn}) {
    const auto start = *from_iso(from);
    const auto end = start + std::chrono::days{60};
    for (const auto& s : company.schedules) {
      const auto wanted = moments_of(s, start, end);
      const auto made = config::calendar::make(s);
      BOOST_REQUIRE(made.has_value());
      const auto named = made->between(start, end, 100'000);
      BOOST_TEST((std::vector<timestamp>(wanted.begin(), wanted.end()) == named), s.name);
      all += named.size();
    }
  }
  BOOST_TEST(all > 10'000U);
}

BOOST_AUTO_TEST_CASE(without_faults_nothing_is_lost_and_nobody_cries) {
  for (const auto* company : {minimal, zones, fleetwatch})
    must_be_right({{company, spring, days(), 1, true}, {company, autumn, days(), 1, true}});
}

BOOST_AUTO_TEST_CASE(faults_lose_no_fire_and_every_silence_is_heard) {
  for (const auto seed : seeds())
    for (const auto* company : {zones, fleetwatch})
      must_be_right({{company, spring, days(), seed}, {company, autumn, days(), seed}});
}

BOOST_AUTO_TEST_CASE(notices_watchers_that_look_away) {
  must_be_noticed(sabotage::nobody_watches, trouble::scheduler_stuck, "the unfired job");
}

BOOST_AUTO_TEST_CASE(notices_a_leader_that_looks_for_nothing) {
  must_be_noticed(sabotage::no_findings, trouble::watcher_silent, "the stopped watcher");
  must_be_noticed(sabotage::no_findings, trouble::no_rows, "the vanished data");
}

BOOST_AUTO_TEST_CASE(notices_alarms_that_come_too_soon) {
  must_be_noticed(sabotage::early_alarm, trouble::leader_change, "a false alarm");
}

BOOST_AUTO_TEST_CASE(notices_lost_fires) {
  must_be_noticed(sabotage::fires_forgotten, trouble::leader_change, "is lost", zones);
}

BOOST_AUTO_TEST_CASE(notices_doubled_fires) {
  must_be_noticed(sabotage::fires_doubled, trouble::leader_change, "one was doubled");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre::travel
