#include "config/key_bounds.hpp"
#include "config/keys.hpp"

#include <array>

namespace cadre::config {
namespace {

constexpr std::string_view severities = "info|warning|error|critical";

constexpr std::array notify_table{key{.name = "channels",
                                      .type = shape::mapping_of,
                                      .inner = &channel_keys,
                                      .doc = "The channels by name; each is exactly one of email, webhook, ntfy, "
                                             "slack."}};

constexpr std::array channel_table{
    key{.name = "email", .type = shape::mapping, .inner = &email_keys, .doc = "By mail through an SMTP server."},
    key{.name = "webhook",
        .type = shape::mapping,
        .inner = &webhook_keys,
        .doc = "As JSON to a URL, signed if it has a secret."},
    key{.name = "ntfy", .type = shape::mapping, .inner = &ntfy_keys, .doc = "To a topic of an ntfy server."},
    key{.name = "slack", .type = shape::mapping, .inner = &slack_keys, .doc = "To a webhook that takes Slack's JSON."},
    key{.name = "ca",
        .doc = "Certificates (PEM) of who must have signed the server's, instead of those that the system trusts; as a "
               "reference: ${file:PATH}."},
    key{.name = "severity",
        .type = shape::choice,
        .fallback = "error",
        .allowed = severities,
        .doc = "Escalations of this severity or worse are sent once they are in the ceo's inbox."},
    key{.name = "brief", .type = shape::boolean, .fallback = "false", .doc = "Each brief is sent, too."},
    key{.name = "resolved",
        .type = shape::boolean,
        .fallback = "false",
        .doc = "That an escalation which was sent is resolved is sent, too."},
    key{.name = "quiet_hours",
        .type = shape::mapping,
        .inner = &quiet_keys,
        .doc = "Times of day at which it waits; what waited is one message afterwards."},
    key{.name = "digest",
        .type = shape::duration,
        .fallback = "0s",
        .max = 7 * day,
        .doc = "Gathers what is not critical for this long, and sends it as one message; 0s: sends soon."},
    key{.name = "retry",
        .type = shape::mapping,
        .inner = &channel_retry_keys,
        .doc = "What happens after a message could not be delivered."}};

constexpr std::array email_table{
    key{.name = "to",
        .type = shape::text_list,
        .required = true,
        .min = 1,
        .max = 50,
        .doc = "Addresses of who gets it."},
    key{.name = "from", .required = true, .doc = "The address that it comes from."},
    key{.name = "smtp", .required = true, .doc = "The mail server: smtp://HOST:PORT or smtps://HOST:PORT."},
    key{.name = "user", .doc = "Who logs in there."},
    key{.name = "password", .doc = "With which password; as a reference: ${env:NAME} or ${file:PATH}."},
    key{.name = "tls",
        .type = shape::choice,
        .fallback = "auto",
        .allowed = "auto|required|never",
        .doc = "Encryption of smtp://: auto requires it of any server but this host."}};

constexpr std::array webhook_table{
    key{.name = "url", .required = true, .doc = "http:// or https://; kept secret."},
    key{.name = "secret", .doc = "The key of the signature; as a reference: ${env:NAME} or ${file:PATH}."}};

constexpr std::array ntfy_table{key{.name = "url", .required = true, .doc = "https://HOST/TOPIC; kept secret."},
                                key{.name = "token", .doc = "An access token, as a reference."}};

constexpr std::array slack_table{key{.name = "url", .required = true, .doc = "Of the incoming webhook; kept secret."}};

constexpr std::array quiet_table{
    key{.name = "from", .required = true, .doc = "A time of day, HH:MM."},
    key{.name = "to", .required = true, .doc = "A time of day; earlier than from: of the next day."},
    key{.name = "tz", .type = shape::zone, .fallback = "UTC", .doc = "An IANA time zone, for example Europe/Rome."},
    key{.name = "unless",
        .type = shape::choice,
        .fallback = "critical",
        .allowed = severities,
        .doc = "This severity and what is worse is sent all the same."}};

constexpr std::array channel_retry_table{
    key{.name = "attempts",
        .type = shape::integer,
        .fallback = "12",
        .min = 1,
        .max = 100,
        .doc = "How often a message is tried in all; then it failed, and that is an escalation."},
    key{.name = "backoff",
        .type = shape::mapping,
        .inner = &channel_backoff_keys,
        .doc = "The wait before the next attempt."}};

constexpr std::array channel_backoff_table{
    key{.name = "initial", .type = shape::duration, .fallback = "5s", .max = hour, .doc = "The first wait."},
    key{.name = "max", .type = shape::duration, .fallback = "10m", .max = day, .doc = "No wait is longer."},
    key{.name = "factor",
        .type = shape::number,
        .fallback = "2",
        .min = 1,
        .max = 100,
        .doc = "Each wait is this many times the one before."},
    key{.name = "jitter",
        .type = shape::number,
        .fallback = "0.2",
        .max = 1,
        .doc = "Share of itself by which a wait varies."}};

}  // namespace

constinit const mapping notify_keys{"notify", notify_table};
constinit const mapping channel_keys{"channel", channel_table};
constinit const mapping email_keys{"email", email_table};
constinit const mapping webhook_keys{"webhook", webhook_table};
constinit const mapping ntfy_keys{"ntfy", ntfy_table};
constinit const mapping slack_keys{"slack", slack_table};
constinit const mapping quiet_keys{"quiet_hours", quiet_table};
constinit const mapping channel_retry_keys{"channel_retry", channel_retry_table};
constinit const mapping channel_backoff_keys{"channel_backoff", channel_backoff_table};

}  // namespace cadre::config
