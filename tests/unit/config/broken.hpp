#pragma once

#include "config/load.hpp"
#include "sample.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace sample {

/// One change of the sample that breaks one rule. The sign `~` in `by` stands before the offending key and is taken
/// out; without it the problem is at line 1, column 1.
struct broken {
  std::string what;
  std::string by;
  std::string key;
  std::string message;
};

inline std::string all_texts(const std::vector<cadre::config::problem>& problems) {
  std::string all;
  for (const auto& p : problems) all += "\n  " + p.text();
  return all;
}

/// Loads the sample with the change and expects this one problem, at the sign.
inline void expect(const broken& b) {
  auto yaml = sample::changed(b.what, b.by);
  int line = 1;
  int column = 1;
  if (const auto sign = yaml.find('~'); sign != std::string::npos) {
    yaml.erase(sign, 1);
    line += static_cast<int>(std::count(yaml.begin(), yaml.begin() + static_cast<std::ptrdiff_t>(sign), '\n'));
    const auto start = yaml.rfind('\n', sign - 1);
    column = static_cast<int>(sign - (start == std::string::npos || sign == 0 ? 0 : start + 1)) + 1;
  }
  const auto made = cadre::config::load_text(yaml, "cadre.yaml");
  BOOST_TEST_CONTEXT(b.by << all_texts(made.problems)) {
    BOOST_REQUIRE(made.problems.size() == 1u);
    const auto& p = made.problems.front();
    BOOST_TEST(p.file == "cadre.yaml");
    BOOST_TEST(p.line == line);
    BOOST_TEST(p.column == column);
    BOOST_TEST(p.key == b.key);
    BOOST_TEST(p.message.find(b.message) != std::string::npos);
  }
}

inline constexpr const char* fetch_run = "run: {command: [sh, -c, 'true']}";
inline constexpr const char* ingest_out = "outputs: {price: {key: [symbol]}}";
inline constexpr const char* checks = "checks: [{unique: [symbol]}]";
inline constexpr const char* defaults = "defaults: {timeout: 1m}";
inline constexpr const char* hourly = R"(hourly: {agent: ceo.data.ingest, cron: "7 * * * *", watcher: ceo.ops.clock})";
inline constexpr const char* brief = R"(brief: {cron: "@daily", watcher: ceo.ops.clock})";

}  // namespace sample
