#include "actors/http/mail.hpp"

#include "actors/http/easy.hpp"
#include "schemas/mail_address.hpp"
#include "schemas/text.hpp"
#include "schemas/this_host.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <new>

namespace cadre::http {

namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// At most 45 bytes: an encoded word may have 75 characters with its frame.
std::string encoded_word(std::string_view bytes) {
  std::string out = "=?UTF-8?B?";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[i + k])) : 0U;
    };
    const unsigned three = at(0) << 16U | at(1) << 8U | at(2);
    out += base64_digits[three >> 18U & 63U];
    out += base64_digits[three >> 12U & 63U];
    out += i + 1 < bytes.size() ? base64_digits[three >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? base64_digits[three & 63U] : '=';
  }
  return out + "?=";
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

curl_usessl encryption(const mail_server& server) {
  if (server.tls == mail_tls::never) return CURLUSESSL_NONE;
  return server.tls == mail_tls::automatic && is_this_host(server.url) ? CURLUSESSL_TRY : CURLUSESSL_ALL;
}

/// The parts of a message, freed with the exchange they belong to.
struct mime_parts {
  explicit mime_parts(const easy& one) : mime{curl_mime_init(one.handle())} {
    if (mime == nullptr) throw std::bad_alloc{};
  }
  ~mime_parts() { curl_mime_free(mime); }
  mime_parts(const mime_parts&) = delete;
  mime_parts& operator=(const mime_parts&) = delete;

  void add(const std::string& body, const char* type) const {
    auto* part = curl_mime_addpart(mime);
    if (part == nullptr || curl_mime_data(part, body.data(), body.size()) != CURLE_OK ||
        curl_mime_type(part, type) != CURLE_OK || curl_mime_encoder(part, "quoted-printable") != CURLE_OK)
      throw std::bad_alloc{};
  }

  curl_mime* mime;
};

/// Lines as mail has them.
std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

result<void> check_mail(const mail_server& server, const mail& m) {
  if (!server.url.starts_with("smtp://") && !server.url.starts_with("smtps://"))
    return fail(errc::bad_value, "smtp: neither smtp:// nor smtps://");
  if (!is_one_line(server.url)) return fail(errc::bad_value, "smtp: holds a control character");
  if (!is_mail_address(m.from)) return fail(errc::bad_value, "from: not a mail address");
  if (m.to.empty()) return fail(errc::bad_value, "to: nobody");
  for (const auto& to : m.to)
    if (!is_mail_address(to)) return fail(errc::bad_value, "to: not a mail address");
  if (m.id.empty() || !is_mail_address(m.id + "@x")) return fail(errc::bad_value, "id: letters, digits and dashes");
  for (const auto& [name, value] : m.headers)
    if (name.empty() || !is_one_line(name) || name.find_first_of(": ") != std::string::npos || !is_one_line(value))
      return fail(errc::bad_value, "headers: a name or value that is no header");
  return {};
}

/// The server's last answer says whether asking again can help.
failure mail_refusal(const easy& one, CURLcode code) {
  auto why = one.why(code);
  long said = 0;
  curl_easy_getinfo(one.handle(), CURLINFO_RESPONSE_CODE, &said);
  if (why.code == errc::cancelled || said == 0) return why;
  if (said >= 400) why.message += " (the server said " + std::to_string(said) + ")";
  if (said >= 500 && said < 600) why.code = errc::refused;
  // Also an answer to AUTH, such as 454, which libcurl takes for a wrong password.
  if (said >= 400 && said < 500 && why.code == errc::refused) why.code = errc::unreachable;
  return why;
}

}  // namespace

std::string subject_line(std::string_view subject) {
  constexpr std::size_t plain_max = 60;
  constexpr std::size_t word_max = 45;
  const auto text = one_line(clean_text(subject));
  std::string line = "Subject: ";
  const bool ascii =
      std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7e; });
  if (ascii && text.size() <= plain_max && text.find("=?") == std::string::npos) return line + text;
  for (std::size_t from = 0; from < text.size();) {
    auto end = std::min(from + word_max, text.size());
    while (end < text.size() && is_continuation(text[end])) --end;
    if (from > 0) line += "\r\n ";
    line += encoded_word(std::string_view{text}.substr(from, end - from));
    from = end;
  }
  return line;
}

std::string mail_date(timestamp t) {
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<std::time_t>(t.us / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%s, %02d %s %d %02d:%02d:%02d +0000",
                days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday, months[static_cast<std::size_t>(utc.tm_mon)],
                utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return out.data();
}

result<void> send(const mail_server& server, const mail& m, const bounds& within, const stop_flag& stop) {
  if (auto fine = check_mail(server, m); !fine) return fine;
  easy one{server.url, "smtp,smtps", within, stop};
  one.set(CURLOPT_USE_SSL, static_cast<long>(encryption(server)));
  one.trust(server.ca);
  if (!server.user.empty()) {
    one.set(CURLOPT_USERNAME, server.user.c_str());
    one.set(CURLOPT_PASSWORD, server.password.c_str());
  }
  one.set(CURLOPT_MAIL_FROM, ("<" + m.from + ">").c_str());
  curl_list recipients, headers;
  std::string to;
  for (const auto& address : m.to) {
    recipients.add("<" + address + ">");
    to += (to.empty() ? "" : ",\r\n ") + address;
  }
  one.set(CURLOPT_MAIL_RCPT, recipients.items);
  headers.add("Date: " + mail_date(m.date));
  headers.add("From: " + m.from);
  headers.add("To: " + to);
  headers.add(subject_line(m.subject));
  headers.add("Message-ID: <" + m.id + m.from.substr(m.from.find('@')) + ">");
  headers.add("Auto-Submitted: auto-generated");  // RFC 3834: nobody's holiday notice answers it.
  for (const auto& [name, value] : m.headers) headers.add(name + ": " + value);
  headers.add("Content-Type: multipart/alternative");
  one.set(CURLOPT_HTTPHEADER, headers.items);
  const mime_parts parts{one};
  parts.add(with_crlf(m.text), "text/plain; charset=utf-8");
  if (!m.html.empty()) parts.add(with_crlf(m.html), "text/html; charset=utf-8");
  one.set(CURLOPT_MIMEPOST, parts.mime);
  const auto code = one.perform();
  if (code != CURLE_OK) return tl::unexpected{mail_refusal(one, code)};
  return {};
}

}  // namespace cadre::http
