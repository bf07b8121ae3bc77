#include "actors/http/signature.hpp"

#include <array>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdexcept>

namespace cadre::http {

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), digest.data(), &size) == nullptr)
    throw std::runtime_error{"HMAC-SHA256 is not available"};
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += hex[digest[i] >> 4U];
    out += hex[digest[i] & 15U];
  }
  return out;
}

std::string signature(std::string_view secret, timestamp at, std::string_view body) {
  const auto seconds = std::to_string(at.us / 1'000'000);
  return "t=" + seconds + ",v1=" + hmac_sha256_hex(secret, seconds + "." + std::string{body});
}

}  // namespace cadre::http
