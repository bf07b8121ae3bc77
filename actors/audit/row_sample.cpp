#include "actors/audit/row_sample.hpp"

#include <algorithm>
#include <cmath>

namespace cadre::actors {

namespace {

/// The rows that a sample of so many has.
std::int64_t sample_size(const config::sample_spec& spec, std::int64_t rows_total) {
  // The slack is for shares that doubles can't hold: 10% of 1,000 is 100 and not 101.
  const auto wanted = spec.rows > 0
                          ? spec.rows
                          : static_cast<std::int64_t>(std::ceil(spec.share * static_cast<double>(rows_total) - 1e-9));
  return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(rows_total, 1));
}

/// FNV-1a: the same everywhere, which std::hash is not.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

/// SplitMix64.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

}  // namespace

row_sample::row_sample(const config::sample_spec& spec, std::string_view output, std::int64_t rows_total)
    : all_{spec.all()}, left_{rows_total}, state_{hash_of(output) ^ static_cast<std::uint64_t>(spec.seed)} {
  if (all_) return;
  wanted_ = sample_size(spec, rows_total);
  all_ = wanted_ >= rows_total;
}

bool row_sample::take() {
  if (!all_) {
    // Of those left, as many as are still wanted: so the number comes out exactly.
    if (left_ <= 0 || next_random(state_) % static_cast<std::uint64_t>(left_--) >= static_cast<std::uint64_t>(wanted_))
      return false;
    --wanted_;
  }
  ++taken_;
  return true;
}

}  // namespace cadre::actors
