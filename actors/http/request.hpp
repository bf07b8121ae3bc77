#pragma once

#include "schemas/error.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Talking to the outside world over HTTP(S) and SMTP(S), with libcurl. Everything here blocks, within bounds: use it
/// on a thread of its own (a detached actor), never on a scheduler thread. No message of an error quotes a URL, a user,
/// a password, a header or a body.
namespace cadre::http {

/// Set by another thread to end what is under way within about a second; may be null.
using stop_flag = std::shared_ptr<const std::atomic<bool>>;

/// Bounds of one exchange.
struct bounds {
  std::chrono::milliseconds connect{5'000};  ///< Until the connection stands, TLS included.
  std::chrono::milliseconds total{20'000};   ///< The whole exchange.
  std::size_t answer_bytes_max = 64 * 1024;  ///< Of the answer's body; what is over it is not read.
  /// Redirects that are followed, of GET alone and to https alone (to http too, if `url` is http). 0: a redirect is an
  /// answer like any other.
  long redirects_max = 0;
};

struct request {
  std::string method = "POST";  ///< GET or POST.
  std::string url;              ///< http:// or https://
  /// Neither names nor values may hold control characters.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< Of a POST.
  std::string ca;    ///< PEM: who must have signed the server's certificate; empty: one whom the system trusts.
  bounds within;
  stop_flag stop;
};

struct answer {
  long status = 0;
  std::string body;                          ///< At most `answer_bytes_max` bytes of it.
  std::chrono::milliseconds retry_after{0};  ///< What the server asked for; 0: nothing.

  [[nodiscard]] bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Sends one request and reads the answer, whatever its status. Certificates are verified. Errors: bad_value (of the
/// request, or a URL of another scheme), unreachable (no answer; the same again may succeed), timed_out, cancelled (by
/// `stop`).
result<answer> send(const request& r);

}  // namespace cadre::http
