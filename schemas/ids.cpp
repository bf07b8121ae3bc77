#include "ids.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <random>

namespace cadre {

namespace {

std::mt19937_64& thread_random() {
  static thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64{seed};
  }();
  return engine;
}

/// Milliseconds since the Unix epoch in the upper bits, their fraction in the lower 12. Greater than the last one of
/// this process even when the clock stands still or is set back: an actor goes from thread to thread.
std::uint64_t next_tick() {
  static std::atomic<std::uint64_t> last{0};
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count());
  const std::uint64_t tick = (us / 1000) << 12 | (us % 1000) * 4096 / 1000;
  auto before = last.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do next = std::max(tick, before + 1);
  while (!last.compare_exchange_weak(before, next, std::memory_order_relaxed));
  return next;
}

}  // namespace

std::string new_uuid() {
  const std::uint64_t tick = next_tick();
  const std::uint64_t high = (tick >> 12) << 16 | 0x7000 | (tick & 0xfff);
  const std::uint64_t low = (thread_random()() >> 2) | std::uint64_t{1} << 63;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t to = 0;
  for (unsigned digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) ++to;
    text[to++] = hex[(digit < 16 ? high >> (60 - 4 * digit) : low >> (124 - 4 * digit)) & 0xf];
  }
  return text;
}

std::string named_uuid(std::string_view name) {
  const boost::uuids::name_generator_sha1 generate{boost::uuids::ns::url()};
  return boost::uuids::to_string(generate("cadre:" + std::string{name}));
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace cadre
