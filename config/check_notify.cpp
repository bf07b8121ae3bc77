#include "config/check.hpp"
#include "schemas/mail_address.hpp"
#include "schemas/this_host.hpp"

#include <algorithm>

namespace cadre::config {
namespace {

/// The value may be a secret, so no message quotes it.
void check_url(const std::string& url, const std::string& key, std::initializer_list<std::string_view> schemes,
               findings& out) {
  if (url.empty() || out.flagged(key)) return;
  std::string allowed;
  for (const auto scheme : schemes) {
    allowed += (allowed.empty() ? "" : " or ") + std::string{scheme} + "HOST";
    if (url.starts_with(scheme)) {
      const auto rest = std::string_view{url}.substr(scheme.size());
      const bool host = !rest.empty() && std::string_view{"/:?#@"}.find(rest.front()) == std::string_view::npos;
      const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) { return c > 0x20 && c < 0x7f; });
      if (!host || !plain)
        out.add_at(key, "not a URL; allowed: " + std::string{scheme} + "HOST, without spaces");
      else if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos)
        out.add_at(key, "holds a login; allowed: a URL without one");
      return;
    }
  }
  out.add_at(key, "another scheme than the channel speaks; allowed: " + allowed);
}

void check_email(const notify_channel& c, const std::string& at, findings& out) {
  check_url(c.url, at + ".smtp", {"smtp://", "smtps://"}, out);
  constexpr auto allowed = "not a mail address; allowed: one such as ops@example.org";
  if (!c.from.empty() && !is_mail_address(c.from)) out.add_at(at + ".from", allowed);
  for (std::size_t i = 0; i < c.to.size(); ++i)
    if (!is_mail_address(c.to[i])) out.add_at(at + ".to[" + std::to_string(i) + "]", allowed);
  if (c.user.empty() != c.secret.empty())
    out.add_at(at + (c.user.empty() ? ".password" : ".user"), "user and password go together; give both or none");
  const bool clear = c.tls == notify_channel::encryption::never && c.url.starts_with("smtp://");
  if (clear && !c.user.empty() && !out.flagged(at + ".smtp") && !is_this_host(c.url))
    out.add_at(at + ".tls",
               "the password would not be encrypted; allowed with a user: auto or required, or never where smtp is on "
               "127.0.0.1, [::1] or localhost");
}

/// Whether they are certificates is found out when they are used: this is for who gives a path.
void check_ca(const notify_channel& c, const std::string& key, findings& out) {
  if (c.ca.empty() || out.flagged(key)) return;
  const bool clear = c.type == notify_channel::kind::email
                         ? c.url.starts_with("smtp://") && c.tls == notify_channel::encryption::never
                         : c.url.starts_with("http://");
  if (c.ca.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
    out.add_at(key, "holds no certificate; allowed: PEM text, for example ${file:ca.pem}");
  else if (clear)
    out.add_at(key, "the connection is not encrypted; allowed: with https://, smtps://, or a tls other than never");
}

void check_channel(const notify_channel& c, findings& out) {
  const auto at = "notify.channels." + c.name;
  switch (c.type) {
    case notify_channel::kind::email:
      check_email(c, at + ".email", out);
      break;
    case notify_channel::kind::webhook:
      check_url(c.url, at + ".webhook.url", {"https://", "http://"}, out);
      break;
    case notify_channel::kind::ntfy: {
      const auto key = at + ".ntfy.url";
      check_url(c.url, key, {"https://", "http://"}, out);
      const auto slash = c.url.rfind('/');
      if (!c.url.empty() && !out.flagged(key) && (slash < c.url.find("://") + 3 || slash + 1 == c.url.size()))
        out.add_at(key, "names no topic; allowed: https://HOST/TOPIC");
      break;
    }
    case notify_channel::kind::slack:
      check_url(c.url, at + ".slack.url", {"https://", "http://"}, out);
      break;
  }
  check_ca(c, at + ".ca", out);
  if (std::any_of(c.secret.begin(), c.secret.end(), [](unsigned char b) { return b < 0x20 || b == 0x7f; }))
    out.add_at(at, "a secret of it holds a control character, such as the end of a line; allowed: one line of text");
}

}  // namespace

void check_notify(const company& c, findings& out) {
  constexpr std::size_t channels_max = 20;
  if (c.channels.size() > channels_max)
    out.add_at("notify.channels", "has " + std::to_string(c.channels.size()) + " channels; allowed: at most 20");
  for (const auto& channel : c.channels) check_channel(channel, out);
}

}  // namespace cadre::config
