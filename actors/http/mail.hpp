#pragma once

#include "actors/http/request.hpp"
#include "schemas/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Mail through an SMTP server: the message as RFC 5322 and 2045 want it, made and sent by libcurl.
namespace cadre::http {

/// When the connection to a mail server is encrypted; smtps:// always is.
enum class mail_tls : std::uint8_t {
  automatic,  ///< Required, unless the server is this host (127.0.0.1, ::1, localhost): then if it is offered.
  required,   ///< STARTTLS, or no mail.
  never
};

struct mail_server {
  std::string url;             ///< smtp:// or smtps://
  std::string user, password;  ///< Empty: no login.
  mail_tls tls = mail_tls::automatic;
  std::string ca;  ///< As in `request`.
};

struct mail {
  std::string from;             ///< An address: ops@example.org
  std::vector<std::string> to;  ///< Addresses, at least one.
  std::string subject;          ///< UTF-8; control characters become spaces.
  std::string id;               ///< The same for the same mail: its Message-ID is made of it.
  timestamp date;
  std::vector<std::pair<std::string, std::string>> headers;  ///< More headers, ASCII.
  std::string text;                                          ///< UTF-8.
  std::string html;                                          ///< Empty: the mail is text alone.
};

/// Hands the mail to the server for all recipients. Errors: bad_value (an address or a header that could smuggle in
/// another one; a scheme that is not SMTP), refused (the server said no for good: a 5xx, or the login), unreachable,
/// timed_out, cancelled. After anything but success it may have been delivered all the same, if the answer was lost.
result<void> send(const mail_server& server, const mail& m, const bounds& within = {}, const stop_flag& stop = {});

/// `Subject: ...` as RFC 2047 wants it: as it is where it is short ASCII, else as encoded words, folded.
std::string subject_line(std::string_view subject);

/// `Sat, 21 Nov 2026 23:10:35 +0000`.
std::string mail_date(timestamp t);

}  // namespace cadre::http
