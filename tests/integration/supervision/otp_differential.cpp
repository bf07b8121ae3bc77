#include "otp_player.hpp"
#include "support/temp_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

using namespace cadre;
using namespace cadre::actors::supervision;

namespace {

/// One seed is played alone if the environment says which; it may also ask for more seeds than these.
const char* alone() {
  return std::getenv("CADRE_TEST_SEED");
}

std::vector<otp::script> scripts() {
  if (alone() != nullptr) return {otp::draw(std::strtoull(alone(), nullptr, 10))};
  std::uint64_t seeds = 3'000;
  if (const auto* more = std::getenv("CADRE_TEST_SEEDS")) seeds = std::strtoull(more, nullptr, 10);
  std::vector<otp::script> all;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) all.push_back(otp::draw(seed));
  return all;
}

void run(const std::string& command) {
  BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, "failed: " << command);
}

/// What OTP does with the scripts, by seed. One virtual machine plays them all.
std::map<std::uint64_t, std::string> traces_of_otp(const std::vector<otp::script>& all) {
  testing::temp_folder folder;
  const auto in = folder / "scripts";
  const auto out = folder / "traces";
  {
    std::ofstream file{in};
    for (const auto& s : all) file << to_term(s);
  }
  const std::string at = folder.path();
  run("erlc -o " + at + " " CADRE_SOURCE_DIR "/tests/integration/supervision/otp_play.erl");
  run("timeout 300 erl -noshell +S 1:1 -pa " + at + " -run otp_play main " + in + " " + out);
  std::map<std::uint64_t, std::string> traces;
  std::ifstream file{out};
  std::string* current = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("script "))
      current = &traces[std::stoull(line.substr(7))];
    else if (current != nullptr)
      *current += line + "\n";
  }
  return traces;
}

/// The children of a pool are stopped side by side, so the order of their ends is nobody's promise.
std::string canonical(const std::string& trace, bool pool) {
  if (!pool) return trace;
  std::vector<std::string> lines;
  std::istringstream in{trace};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  const auto is_end = [](const std::string& l) { return l.starts_with("end "); };
  for (auto at = lines.begin(); at != lines.end();) {
    const auto first = std::find_if(at, lines.end(), is_end);
    at = std::find_if_not(first, lines.end(), is_end);
    std::sort(first, at);
  }
  std::string text;
  for (const auto& l : lines) text += l + "\n";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(supervision_differential)

BOOST_AUTO_TEST_CASE(our_supervisor_does_what_otps_does) {
  const auto all = scripts();
  const auto otps = traces_of_otp(all);
  BOOST_TEST(otps.size() == all.size());
  test::deterministic world;
  std::size_t different = 0;
  std::string everything;
  for (const auto& s : all) {
    const auto theirs = canonical(otps.contains(s.seed) ? otps.at(s.seed) : "nothing\n", s.pool());
    const auto ours = canonical(otp::play(world, s), s.pool());
    everything += theirs;
    if (alone() != nullptr) BOOST_TEST_MESSAGE(to_term(s) << theirs);
    if (ours == theirs) continue;
    BOOST_ERROR("seed " << s.seed << " differs. Replay: CADRE_TEST_SEED=" << s.seed
                        << " tests/run integration -k supervision_differential\n"
                        << to_term(s) << "--- OTP\n"
                        << theirs << "--- ours\n"
                        << ours);
    if (++different == 3) break;
  }
  if (alone() != nullptr || different > 0) return;
  // The scripts must reach what they are there to compare.
  for (const auto* seen :
       {"over intensity", "over shutdown", "over start_failed", "over refused", " failed\n", "=restarting", "= ok",
        "= failed", "= not_found", "= running", "= restarting", "= already_started", "= already_present", "= refused",
        " normal\n", " shutdown\n", " error\n", " killed\n"})
    BOOST_TEST(everything.find(seen) != std::string::npos, "no script reached: " << seen);
}

BOOST_AUTO_TEST_SUITE_END()
