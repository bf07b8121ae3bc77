#include "config/read.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

/// `22:30` as minutes since midnight; nothing for any other text.
std::optional<std::int64_t> time_of_day(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(text[0]) || !digit(text[1]) || !digit(text[3]) || !digit(text[4]))
    return std::nullopt;
  const auto hours = (text[0] - '0') * 10 + text[1] - '0';
  const auto minutes = (text[3] - '0') * 10 + text[4] - '0';
  if (hours > 23 || minutes > 59) return std::nullopt;
  return hours * 60 + minutes;
}

void read_time(const scope& keys, std::string_view name, std::int64_t& minutes) {
  std::string text;
  keys.read(name, text);
  if (text.empty()) return;
  if (const auto time = time_of_day(text)) {
    minutes = *time;
  } else {
    keys.complain(name, "not a time of day; allowed: HH:MM from 00:00 to 23:59, in quotes");
  }
}

quiet_hours read_quiet(const scope& keys) {
  quiet_hours q;
  q.from_minutes = q.to_minutes = -1;
  read_time(keys, "from", q.from_minutes);
  read_time(keys, "to", q.to_minutes);
  keys.read("tz", q.tz);
  keys.read("unless", q.unless);
  if (q.from_minutes >= 0 && q.from_minutes == q.to_minutes)
    keys.complain("to", "the same as from; allowed: another time of day");
  return q;
}

void read_email(const scope& keys, notify_channel& out) {
  keys.read_list("to", out.to);
  keys.read("from", out.from);
  keys.read("smtp", out.url);
  keys.read("user", out.user);
  keys.read("password", out.secret);
  keys.read("tls", out.tls);
}

}  // namespace

void read_channel(const std::string& name, const scope& keys, company& out) {
  notify_channel c;
  c.name = name;
  std::size_t kinds = 0;
  for (const auto& [kind, text] : enum_names<notify_channel::kind>::value) {
    if (!keys.has(text)) continue;
    ++kinds;
    c.type = kind;
  }
  if (kinds != 1)
    keys.complain("", "has " + std::to_string(kinds) + " kinds; allowed: exactly one of email, webhook, ntfy, slack");
  if (keys.has("email")) read_email(keys.inner("email"), c);
  if (keys.has("webhook")) {
    const scope webhook = keys.inner("webhook");
    webhook.read("url", c.url);
    webhook.read("secret", c.secret);
  }
  if (keys.has("ntfy")) {
    const scope ntfy = keys.inner("ntfy");
    ntfy.read("url", c.url);
    ntfy.read("token", c.secret);
  }
  if (keys.has("slack")) keys.inner("slack").read("url", c.url);
  keys.read("ca", c.ca);
  keys.read("severity", c.level);
  keys.read("brief", c.briefs);
  keys.read("resolved", c.resolved);
  if (keys.has("quiet_hours")) c.quiet = read_quiet(keys.inner("quiet_hours"));
  keys.read("digest", c.digest);
  read_retry(keys.inner("retry"), c.retry);
  out.channels.push_back(std::move(c));
}

}  // namespace cadre::config
