#include "actors/http/request.hpp"

#include "actors/http/easy.hpp"

#include <algorithm>

namespace cadre::http {

namespace {

struct answer_body {
  std::string text;
  std::size_t bytes_max = 0;
  bool full = false;
};

/// Keeps what fits; the rest of an answer is not worth waiting for.
std::size_t take_body(char* bytes, std::size_t one, std::size_t count, void* to) {
  auto& body = *static_cast<answer_body*>(to);
  const auto size = one * count;
  const auto kept = std::min(size, body.bytes_max - body.text.size());
  body.text.append(bytes, kept);
  body.full = kept < size;
  return kept;
}

result<void> check_request(const request& r) {
  const bool http = r.url.starts_with("http://");
  if (!http && !r.url.starts_with("https://")) return fail(errc::bad_value, "url: neither http:// nor https://");
  if (!is_one_line(r.url)) return fail(errc::bad_value, "url: holds a control character");
  if (r.method != "GET" && r.method != "POST") return fail(errc::bad_value, "method: GET or POST");
  for (const auto& [name, value] : r.headers)
    if (name.empty() || !is_one_line(name) || name.find_first_of(": ") != std::string::npos || !is_one_line(value))
      return fail(errc::bad_value, "headers: a name or value that is no header");
  return {};
}

}  // namespace

result<answer> send(const request& r) {
  if (auto fine = check_request(r); !fine) return tl::unexpected{fine.error()};
  easy one{r.url, "http,https", r.within, r.stop};
  one.trust(r.ca);
  curl_list headers;
  for (const auto& [name, value] : r.headers) headers.add(name + ": " + value);
  headers.add("Expect:");
  one.set(CURLOPT_HTTPHEADER, headers.items);
  answer_body body{{}, r.within.answer_bytes_max};
  one.set(CURLOPT_WRITEFUNCTION, &take_body);
  one.set(CURLOPT_WRITEDATA, &body);
  if (r.method == "POST") {
    one.set(CURLOPT_POST, 1L);
    one.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
    one.set(CURLOPT_POSTFIELDS, r.body.c_str());
  } else if (r.within.redirects_max > 0) {
    one.set(CURLOPT_FOLLOWLOCATION, 1L);
    one.set(CURLOPT_MAXREDIRS, r.within.redirects_max);
    one.set(CURLOPT_REDIR_PROTOCOLS_STR, r.url.starts_with("https://") ? "https" : "http,https");
  }
  const auto code = one.perform();
  answer a;
  curl_easy_getinfo(one.handle(), CURLINFO_RESPONSE_CODE, &a.status);
  // An answer that is too long is still an answer.
  if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && body.full && a.status > 0))
    return tl::unexpected{one.why(code)};
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(one.handle(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
    a.retry_after = std::chrono::seconds{std::min<curl_off_t>(seconds, 86'400)};
  a.body = std::move(body.text);
  return a;
}

}  // namespace cadre::http
