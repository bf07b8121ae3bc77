#include "config/calendar.hpp"
#include "schemas/json.hpp"
#include "schemas/time.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

/// Ours beside three other implementations: tests/golden/cron/vectors.jsonl, made by make_vectors.mjs there. Whoever
/// differs does so by a rule that is written down here and in config/CRON.md, or is in the list of exceptions below.
BOOST_AUTO_TEST_SUITE(cron_vectors)

namespace {

using namespace cadre::config;
using cadre::timestamp;
using nlohmann::json;

constexpr std::int64_t us = 1'000'000;
constexpr std::int64_t day = 86'400;

/// What becomes of a local time that does not exist, and of one that comes twice.
enum class gap { skip, next, shift };
enum class fold { first, both };

struct rule {
  gap missing;
  fold repeated;
  bool any_if_star_begins = true;  ///< `*/2` in a day field counts as `*` when two day fields meet, as in crond.
};

/// What the rules tell apart: all hours are allowed; one time of day is named; or some.
enum class kind { every_hour, one_time, some_times };

kind kind_of(const cron_expression& cron) {
  if (cron.any_hour()) return kind::every_hour;
  const auto single = [](std::uint64_t bits) { return (bits & (bits - 1)) == 0; };
  return single(cron.seconds) && single(cron.minutes) && single(cron.hours) ? kind::one_time : kind::some_times;
}

rule rule_of(const std::string& who, kind k) {
  if (who == "systemd") return {gap::skip, fold::first};
  if (who == "croner")
    return k == kind::one_time ? rule{gap::next, fold::first, false} : rule{gap::skip, fold::both, false};
  if (who == "cron-parser")
    return k == kind::every_hour ? rule{gap::skip, fold::both, false} : rule{gap::shift, fold::first, false};
  return k == kind::every_hour ? rule{gap::skip, fold::both} : rule{gap::next, fold::first};
}

/// Lines of a zone and a day that do not follow their implementation's rule: how many, and why.
struct exception {
  std::string who;
  std::string tz;
  std::string date;
  int lines;
  std::string why;
};

const std::vector<exception>& exceptions() {
  static const std::string half_hours = "takes every change of the clocks for one of whole hours";
  static const std::vector<exception> all{
      {"croner", "Pacific/Apia", "2011-12-29", 7, "a day that is missing is skipped, unlike an hour"},
      {"cron-parser", "Australia/Lord_Howe", "2024-10-05", 9, half_hours},
      {"cron-parser", "Australia/Lord_Howe", "2025-04-05", 13, half_hours + "; ten times it gives up"},
      {"cron-parser", "Pacific/Chatham", "2024-09-28", 3, half_hours},
      {"cron-parser", "Pacific/Chatham", "2025-04-05", 1, half_hours},
      {"cron-parser", "America/Caracas", "2007-12-08", 8, half_hours + "; seven times it gives up"},
      {"cron-parser", "America/Caracas", "2016-04-30", 6, half_hours},
      {"cron-parser", "America/Havana", "2024-11-02", 5, "takes the second 0:00 to 0:59 of the day, not the first"},
      {"systemd", "Europe/Dublin", "2024-03-30", 2, "loses a day where summer time is the standard (negative DST)"},
      {"systemd", "Pacific/Chatham", "2024-09-28", 1, "loses the moment of the change, 3:45 standing after 2:44"},
      {"systemd", "America/Havana", "2024-03-09", 2, "gives up at a midnight that is missing"},
      {"systemd", "America/Santiago", "2024-09-07", 2, "gives up at a midnight that is missing"},
      {"systemd", "Europe/Rome", "2399-03-24", 2, "looks no further than the year 2199"},
  };
  return all;
}

struct line {
  std::string cron, tz, after;
  std::size_t moments;
  std::map<std::string, std::vector<std::int64_t>> fires;  ///< By implementation; none if it gave up.
};

std::vector<line> read_lines() {
  std::ifstream in(CADRE_SOURCE_DIR "/tests/golden/cron/vectors.jsonl");
  std::vector<line> lines;
  for (std::string text; std::getline(in, text);) {
    const auto j = json::parse(text);
    line l{j["cron"], j["tz"], j["after"], 0, {}};
    for (const auto& list : j["fires"]) l.moments = std::max(l.moments, list.size());
    for (const auto& [who, at] : j["by"].items()) {
      auto& fires = l.fires[who];
      if (!at.is_null()) fires = j["fires"][at.get<std::size_t>()].get<std::vector<std::int64_t>>();
    }
    lines.push_back(std::move(l));
  }
  return lines;
}

/// The instants of a local time under a rule.
std::vector<std::int64_t> instants(const zone& where, std::int64_t local, const rule& r) {
  const auto found = where.meet(local);
  if (!found.end) return {found.instant};
  if (where.local(found.instant) != local) {
    const auto before = found.instant - 1;
    if (r.missing == gap::skip) return {};
    return {r.missing == gap::next ? found.instant : local - (where.local(before) - before)};
  }
  if (r.repeated == fold::first) return {found.instant};
  const auto jump = where.next_jump(found.instant).value();
  return {found.instant, local - (jump.to - jump.at)};
}

std::vector<std::int64_t> by_rule(const line& l, const rule& r) {
  auto cron = parse_cron(l.cron).value();
  if (!r.any_if_star_begins && l.cron.front() != '@') {
    std::istringstream in(l.cron);
    std::vector<std::string> fields;
    for (std::string field; in >> field;) fields.push_back(field);
    const auto any = [&](std::size_t from_end) {
      const auto& field = fields.at(fields.size() - from_end);
      return field == "*" || field == "?";
    };
    cron.any_day = any(3);
    cron.any_weekday = any(1);
  }
  const auto where = zone::find(l.tz).value();
  const auto after = cadre::from_iso(l.after).value().us / us;
  std::set<std::int64_t> all;
  for (auto local = next_local(cron, where.local(after) - 2 * day); local; local = next_local(cron, *local + 1)) {
    if (all.size() >= l.moments &&
        *local > where.local(*std::next(all.begin(), static_cast<std::ptrdiff_t>(l.moments) - 1)) + 2 * day)
      break;
    for (const auto t : instants(where, *local, r))
      if (t > after) all.insert(t);
  }
  std::vector<std::int64_t> first(all.begin(), all.end());
  first.resize(std::min(first.size(), l.moments));
  return first;
}

std::vector<std::int64_t> ours(const line& l) {
  std::vector<std::int64_t> found;
  for (const auto t :
       calendar::make(l.cron, l.tz).value().between(*cadre::from_iso(l.after), cadre::timestamp_max, l.moments))
    found.push_back(t.us / us);
  return found;
}

std::string shown(const std::vector<std::int64_t>& moments) {
  std::string all;
  for (const auto t : moments) all += cadre::to_iso({t * us}).substr(5, 14) + ' ';
  return all;
}

BOOST_AUTO_TEST_CASE(all_follow_their_rules) {
  const auto lines = read_lines();
  BOOST_TEST(lines.size() > 500u);
  std::map<std::tuple<std::string, std::string, std::string>, int> others;
  for (const auto& l : lines) {
    const auto k = kind_of(parse_cron(l.cron).value());
    BOOST_TEST_CONTEXT(l.cron << ' ' << l.tz << " after " << l.after) {
      const auto found = ours(l);
      const auto expected = by_rule(l, rule_of("cadre", k));
      BOOST_TEST((found == expected), "\n  found    " << shown(found) << "\n  expected " << shown(expected));
      for (const auto& [who, fires] : l.fires)
        if (fires != by_rule(l, rule_of(who, k))) ++others[{who, l.tz, l.after.substr(0, 10)}];
    }
  }
  for (const auto& e : exceptions()) {
    const auto at = others.find({e.who, e.tz, e.date});
    BOOST_TEST((at == others.end() ? 0 : at->second) == e.lines,
               e.who << ' ' << e.tz << ' ' << e.date << ": " << e.why);
    if (at != others.end()) others.erase(at);
  }
  for (const auto& [key, count] : others)
    BOOST_ERROR(std::get<0>(key) << " breaks its rule: " << count << " lines of " << std::get<1>(key) << ' '
                                 << std::get<2>(key));
}

/// Without any rule: where no clock changes while a line lasts, all who answer say the same, and so do we; but for the
/// two day fields, where ours is crond's rule.
BOOST_AUTO_TEST_CASE(where_no_clock_changes_all_agree) {
  const std::set<std::string> stars{"0 9 */2 * 5"};
  int compared = 0;
  for (const auto& l : read_lines()) {
    const auto found = ours(l);
    const auto where = zone::find(l.tz).value();
    const auto jump = where.next_jump(cadre::from_iso(l.after).value().us / us - day);
    if (jump && jump->at < found.back() + day) continue;
    for (const auto& [who, fires] : l.fires) {
      if (fires.empty()) continue;
      ++compared;
      BOOST_TEST((fires == found) == !(stars.contains(l.cron) && who != "systemd"),
                 who << ' ' << l.cron << ' ' << l.tz << "\n  theirs " << shown(fires) << "\n  ours   " << shown(found));
    }
  }
  BOOST_TEST(compared > 150);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
