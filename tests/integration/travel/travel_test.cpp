#include "config/calendar.hpp"
#include "config/load.hpp"
#include "judge.hpp"
#include "moments.hpp"
#include "troubles.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <sstream>
#include <utility>

/// Companies travel through weeks in which clocks change, in virtual time; see README.md.
namespace cadre::travel {

namespace {

/// Faults begin when everything has run for more than a day. The last day is for what has to be over by then.
constexpr hours before_faults{30};
constexpr hours after_faults{24};

/// So many days hold what Europe/Rome, America/New_York and Australia/Lord_Howe do to their clocks, and faults on all
/// sides of it.
struct window {
  const char* from;
  std::int64_t days;
  std::array<const char*, 3> changes;
};
constexpr window spring{
    "2026-03-07T00:00:00Z", 30, {"2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T15:00:00Z"}};
constexpr window autumn{
    "2026-10-01T00:00:00Z", 33, {"2026-10-03T15:30:00Z", "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z"}};

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

using counts = std::map<trouble, int>;

struct journey {
  std::string company;
  std::string from;
  std::int64_t days;
  std::uint64_t seed = 1;
  bool quiet = false;
  std::vector<trouble> kinds = {};
  sabotage broken = sabotage::none;
};

struct outcome_of {
  std::vector<std::string> wrongs;
  std::size_t silences = 0;
  counts planted = {};
};

/// Fault-free ones all have the same seed.
std::string title(const journey& j) {
  return j.company + " from " + j.from.substr(0, 10) + ", " + std::to_string(j.days) + " days, " +
         (j.quiet ? "without faults" : "seed " + std::to_string(j.seed));
}

/// Two that tell at once could not be told apart.
bool tells_story() {
  return std::getenv("CADRE_TRAVEL_STORY") != nullptr;
}

/// How to make the journeys of this test once more, one after the other, told line by line.
std::string replay(const journey& j) {
  namespace boost_framework = boost::unit_test::framework;
  std::string line = "CADRE_TEST_POSTGRES=URL CADRE_TRAVEL_STORY=1 ";
  if (!j.quiet) line += "CADRE_TRAVEL_SEED=" + std::to_string(j.seed) + " ";
  line += "CADRE_TRAVEL_JOURNEY='" + title(j) + "' ";
  if (const char* days = std::getenv("CADRE_TRAVEL_DAYS")) line += std::string{"CADRE_TRAVEL_DAYS="} + days + " ";
  return line + boost_framework::master_test_suite().argv[0] + " --run_test='" +
         boost_framework::current_test_case().full_name() + "'";
}

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
  if (tells_story()) std::cout << "== " << title(j) << '\n';
  fleet f{std::move(with.company), start, j.seed, j.broken};
  f.tell_story(tells_story());
  judge by{f, start, end, std::move(with.due)};
  std::optional<troubles> ill;
  if (!j.quiet) ill.emplace(f, by, start + before_faults, end + -after_faults, j.kinds);
  f.run_until(end);
  outcome_of r;
  r.wrongs = by.verdict(j.quiet);
  r.silences = by.planted();
  if (ill) r.planted = ill->planted();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::ostringstream line;
  line << title(j) << ": " << by.fires() << " fires (";
  const char* comma = "";
  for (const auto& [outcome, count] : by.outcomes()) {
    line << comma << count << " " << outcome;
    comma = ", ";
  }
  int planted = 0;
  for (const auto& [kind, count] : r.planted) planted += count;
  line << "), " << planted << " troubles, " << r.silences << " silences, " << f.steps() << " moments in "
       << static_cast<int>(took.count() * 10) / 10.0 << " s\n";
  std::cout << line.str() << std::flush;
  return r;
}

/// Those of one list at the same time, unless they tell their story: each has a database of its own, and the machine
/// more than one core. Returns what was planted in all of them.
counts must_be_right(std::vector<journey> all) {
  if (const char* one = std::getenv("CADRE_TRAVEL_JOURNEY"))
    std::erase_if(all, [&](const journey& j) { return title(j).find(one) == std::string::npos; });
  std::vector<luggage> packed;
  for (const auto& j : all) packed.push_back(pack(j));
  std::vector<std::future<outcome_of>> made;
  for (std::size_t i = 0; i < all.size(); ++i)
    made.push_back(
        std::async(tells_story() ? std::launch::deferred : std::launch::async, make, all[i], std::move(packed[i])));
  counts planted;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto r = made[i].get();
    std::string wrongs;
    for (const auto& w : r.wrongs) wrongs += "\n  " + w;
    BOOST_TEST(r.wrongs.empty(), title(all[i]) << ":" << wrongs << "\n  replay: " << replay(all[i]));
    BOOST_TEST((all[i].quiet || r.silences > 0), title(all[i]) << ": nothing went quiet, so nothing was proved");
    for (const auto& [kind, count] : r.planted) planted[kind] += count;
  }
  return planted;
}

void must_be_noticed(sabotage broken, trouble kind, const std::string& what, const std::string& company = fleetwatch) {
  const journey j{company, spring.from, 4, 1, false, {kind}, broken};
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

journey through(const window& w, const std::string& company, std::uint64_t seed, bool quiet) {
  const auto days = number_from("CADRE_TRAVEL_DAYS", static_cast<std::uint64_t>(w.days));
  return {company, w.from, static_cast<std::int64_t>(days), seed, quiet};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(travel)

BOOST_AUTO_TEST_CASE(the_database_asks_no_other_clock) {
  virtual_database db{{"c"}, *from_iso(spring.from)};
  BOOST_TEST(db.uses_other_clocks() == "");
  BOOST_TEST(db.ask("SELECT clock_timestamp() = $1::timestamptz", spring.from)[0][0].as<bool>());
  db.set(*from_iso(autumn.from));
  BOOST_TEST(db.ask("SELECT clock_timestamp() = $1::timestamptz", autumn.from)[0][0].as<bool>());
}

/// Two books that share nothing: the calendar that the writer goes by, and a search second by second.
BOOST_AUTO_TEST_CASE(calendars_name_the_moments_that_clocks_on_the_wall_do) {
  const auto company = load(zones);
  std::size_t all = 0;
  for (const auto* from : {spring.from, autumn.from}) {
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
    must_be_right({through(spring, company, 1, true), through(autumn, company, 1, true)});
}

BOOST_AUTO_TEST_CASE(clocks_change_between_the_first_fault_and_the_last) {
  for (const auto& w : {spring, autumn}) {
    const auto first = *from_iso(w.from) + before_faults;
    const auto last = *from_iso(w.from) + std::chrono::days{w.days} + -after_faults;
    for (const auto* change : w.changes) {
      const auto at = *from_iso(change);
      BOOST_TEST((first < at && at < last), change);
    }
  }
}

BOOST_AUTO_TEST_CASE(faults_lose_no_fire_and_every_silence_is_heard) {
  counts planted;
  for (const auto seed : seeds())
    for (const auto* company : {zones, fleetwatch})
      for (const auto& [kind, count] :
           must_be_right({through(spring, company, seed, false), through(autumn, company, seed, false)}))
        planted[kind] += count;
  BOOST_TEST(planted[trouble::scheduler_stuck] > 0, "no job that did not fire");
  BOOST_TEST(planted[trouble::worker_hangs] > 0, "no dead worker with a living row");
  BOOST_TEST(planted[trouble::auditor_silent] > 0, "no stopped auditor");
  BOOST_TEST(planted[trouble::watcher_silent] > 0, "no stopped watcher");
  BOOST_TEST(planted[trouble::no_rows] + planted[trouble::data_stops] > 0, "no data that vanished");
}

BOOST_AUTO_TEST_CASE(notices_watchers_that_look_away) {
  must_be_noticed(sabotage::nobody_watches, trouble::scheduler_stuck, "the unfired job");
  must_be_noticed(sabotage::nobody_watches, trouble::worker_hangs, "the dead worker");
}

BOOST_AUTO_TEST_CASE(notices_a_leader_that_looks_for_nothing) {
  must_be_noticed(sabotage::no_findings, trouble::watcher_silent, "the stopped watcher");
  must_be_noticed(sabotage::no_findings, trouble::no_rows, "the vanished data");
}

BOOST_AUTO_TEST_CASE(notices_verdicts_that_are_never_due) {
  must_be_noticed(sabotage::no_due_audits, trouble::auditor_silent, "the stopped auditor");
}

BOOST_AUTO_TEST_CASE(notices_briefs_that_name_no_decision) {
  must_be_noticed(sabotage::empty_brief, trouble::watcher_silent, "is not in the brief");
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

BOOST_AUTO_TEST_CASE(notices_fires_that_were_written_too_late) {
  must_be_noticed(sabotage::fires_backdated, trouble::leader_change, "was not written before it was due", zones);
}

BOOST_AUTO_TEST_CASE(notices_fires_that_nobody_caught_up_with) {
  must_be_noticed(sabotage::no_catch_up, trouble::leader_away, "against its catch_up", zones);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace cadre::travel
