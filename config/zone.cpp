#include "config/zone.hpp"

#include "config/did_you_mean.hpp"

#include <algorithm>
#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

namespace cadre::config {
namespace {

using cctz::civil_second;
using moment = cctz::time_point<cctz::seconds>;

constexpr std::size_t name_chars_max = 64;
/// Calendars, and with them the rules for days of the week, repeat after this.
constexpr std::int64_t cycle_seconds = 146'097LL * 86'400;

std::int64_t count(moment t) noexcept {
  return t.time_since_epoch().count();
}

moment at(std::int64_t seconds) noexcept {
  return moment{cctz::seconds{seconds}};
}

std::int64_t count(const civil_second& local) noexcept {
  return local - civil_second{};
}

std::filesystem::path database() {
  const char* const own = std::getenv("TZDIR");
  return own != nullptr && *own != '\0' ? own : "/usr/share/zoneinfo";
}

/// Compiled zones only: the folder also holds tables and lists.
bool is_compiled(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string magic(4, '\0');
  return in.read(magic.data(), 4) && magic == "TZif";
}

/// Zones that count leap seconds, copies of the others, and the machine's own zone are in the folder, but nobody means
/// them.
bool is_zone_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
           c == '-' || c == '+';
  };
  if (name.empty() || name.size() > name_chars_max || name.front() == '/') return false;
  if (name.starts_with("right/") || name.starts_with("posix/") || name.starts_with("Fixed/")) return false;
  if (name == "localtime" || name == "posixrules" || name == "Factory") return false;
  return std::all_of(name.begin(), name.end(), allowed);
}

std::vector<std::string> all_names() {
  constexpr std::size_t names_max = 5'000;
  std::vector<std::string> names;
  std::error_code ignored;
  const auto folder = database();
  for (auto file = std::filesystem::recursive_directory_iterator(folder, ignored);
       !ignored && file != std::filesystem::recursive_directory_iterator() && names.size() < names_max;
       file.increment(ignored)) {
    const auto name = file->path().lexically_relative(folder).generic_string();
    if (file->is_regular_file(ignored) && is_zone_name(name) && is_compiled(file->path())) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// Most errors are a city without its continent (`rome`) or other letters (`europe/rome`, `Europe/Rom`).
std::string suggestion(std::string_view given, const std::vector<std::string>& names) {
  const auto wanted = lower_case(given);
  for (const auto& name : names)
    if (const auto known = lower_case(name); known == wanted || known.ends_with("/" + wanted))
      return "; did you mean `" + name + "`?";
  return did_you_mean(given, {names.begin(), names.end()});
}

failure unknown(std::string_view name) {
  const auto names = all_names();
  if (names.empty())
    return {errc::bad_value,
            "the time zone database is missing (" + database().string() + "); install the package tzdata, or use UTC"};
  return {errc::bad_value, "not a time zone of the IANA database" + suggestion(name, names) +
                               "; allowed: UTC, or names such as Europe/Rome"};
}

}  // namespace

struct zone::rules {
  cctz::time_zone zone;
  /// The last jump that the library lists. It lists 400 years of a zone whose clocks will always change, and after that
  /// everything repeats; of other zones it lists all.
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
};

result<zone> zone::find(std::string_view name) {
  zone found;
  if (name == "UTC") return found;
  auto rules = std::make_shared<zone::rules>();
  if (!is_zone_name(name) || !cctz::load_time_zone(std::string(name), &rules->zone))
    return tl::unexpected(unknown(name));
  cctz::time_zone::civil_transition jump;
  if (rules->zone.prev_transition(moment::max(), &jump) && jump.to.year() > 2'400)
    rules->last = count(rules->zone.lookup(jump.to).trans);
  found.name_ = name;
  found.rules_ = std::move(rules);
  return found;
}

std::int64_t zone::local(std::int64_t instant) const {
  return rules_ ? instant + rules_->zone.lookup(at(instant)).offset : instant;
}

zone::meeting zone::meet(std::int64_t local) const {
  using lookup = cctz::time_zone::civil_lookup;
  if (!rules_) return {local, std::nullopt};
  const auto found = rules_->zone.lookup(civil_second{} + local);
  const auto before = local - count(found.pre);  // The offset before the jump.
  const auto after = local - count(found.post);
  switch (found.kind) {
    case lookup::SKIPPED:
      return {count(found.trans), count(found.trans) + after};
    case lookup::REPEATED:
      return {count(found.pre), count(found.trans) + before};
    case lookup::UNIQUE:
      break;
  }
  return {count(found.pre), std::nullopt};
}

std::optional<zone::jump> zone::next_jump(std::int64_t instant) const {
  if (!rules_) return std::nullopt;
  const std::int64_t cycles = instant < rules_->last ? 0 : (instant - rules_->last) / cycle_seconds + 1;
  const auto shift = cycles * cycle_seconds;
  cctz::time_zone::civil_transition found;
  if (!rules_->zone.next_transition(at(instant - shift), &found)) return std::nullopt;
  return jump{count(rules_->zone.lookup(found.to).trans) + shift, count(found.from) + shift, count(found.to) + shift};
}

}  // namespace cadre::config
