#pragma once

#include "schemas/time.hpp"

#include <string>
#include <string_view>

namespace cadre::http {

/// HMAC-SHA256 of `text` as lower-case hex.
std::string hmac_sha256_hex(std::string_view key, std::string_view text);

/// The value of `X-Cadre-Signature`: `t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY` with the secret
/// as its key. Who checks it makes the same from the raw body, compares in constant time, and refuses a `t` that is far
/// from now.
std::string signature(std::string_view secret, timestamp at, std::string_view body);

}  // namespace cadre::http
