#include "storage/pg/parameters.hpp"

#include <algorithm>
#include <chrono>

namespace cadre::storage::pg {

namespace {

/// Numbers of Postgres' own types (pg_type.dat), which never change.
enum class type_oid : std::uint32_t {
  bigint = 20,
  smallint = 21,
  integer = 23,
  text = 25,
  timestamptz = 1184,
  uuid = 2950,
  jsonb = 3802
};

/// An array of one dimension as array_recv (arrayfuncs.c) reads it, all numbers with their greatest byte first:
/// dimensions, whether any is NULL, type, size, first index; then for each its length, or -1 for NULL, and its bytes.
class array_writer {
 public:
  array_writer(type_oid type, std::size_t size, std::size_t bytes_of_all) {
    out_.reserve(20 + size * 4 + bytes_of_all);
    put<std::uint32_t>(size == 0 ? 0 : 1);
    put<std::uint32_t>(0);
    put(static_cast<std::uint32_t>(type));
    if (size == 0) return;
    put(static_cast<std::uint32_t>(size));
    put<std::uint32_t>(1);
  }

  void null() {
    put<std::uint32_t>(0xffffffff);
    out_[7] = 1;
  }

  template <class Unsigned>
  void number(Unsigned n) {
    put(static_cast<std::uint32_t>(sizeof n));
    put(n);
  }

  void bytes(std::string_view before, std::string_view text) {
    put(static_cast<std::uint32_t>(before.size() + text.size()));
    out_ += before;
    out_ += text;
  }

  void uuid(std::string_view text) {
    put<std::uint32_t>(16);
    unsigned high = 16;
    for (const char c : text) {
      if (c == '-') continue;
      const auto digit = static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      if (high == 16) {
        high = digit;
      } else {
        out_ += static_cast<char>(high << 4 | digit);
        high = 16;
      }
    }
  }

  parameter take() { return {std::move(out_), true}; }

 private:
  template <class Unsigned>
  void put(Unsigned n) {
    for (auto shift = 8 * sizeof n; shift > 0; shift -= 8) out_ += static_cast<char>(n >> (shift - 8) & 0xff);
  }

  std::string out_;
};

parameter of_texts(type_oid type, std::string_view before, std::span<const value> all) {
  std::size_t bytes = 0;
  for (const auto& v : all) bytes += v ? before.size() + v->size() : 0;
  array_writer out{type, all.size(), bytes};
  for (const auto& v : all) {
    if (v)
      out.bytes(before, *v);
    else
      out.null();
  }
  return out.take();
}

template <class Unsigned, class Signed>
parameter of_numbers(type_oid type, const std::vector<Signed>& all) {
  array_writer out{type, all.size(), all.size() * sizeof(Signed)};
  for (const auto n : all) out.number(static_cast<Unsigned>(n));
  return out.take();
}

}  // namespace

parameter to_parameter(texts v) {
  return of_texts(type_oid::text, {}, v.all);
}

parameter to_parameter(documents v) {
  return of_texts(type_oid::jsonb, "\x01", v.all);  // The version of the format: JSON text follows.
}

parameter to_parameter(const std::vector<std::int16_t>& v) {
  return of_numbers<std::uint16_t>(type_oid::smallint, v);
}

parameter to_parameter(const std::vector<std::int32_t>& v) {
  return of_numbers<std::uint32_t>(type_oid::integer, v);
}

parameter to_parameter(const std::vector<std::int64_t>& v) {
  return of_numbers<std::uint64_t>(type_oid::bigint, v);
}

parameter to_parameter(const std::vector<timestamp>& v) {
  using namespace std::chrono;
  // Postgres counts from the year 2000.
  constexpr auto its_epoch_us = microseconds{sys_days{year{2000} / 1 / 1}.time_since_epoch()}.count();
  array_writer out{type_oid::timestamptz, v.size(), v.size() * 8};
  for (const auto& t : v) {
    if (t.empty())
      out.null();
    else
      out.number(static_cast<std::uint64_t>(std::clamp(t, timestamp_min, timestamp_max).us - its_epoch_us));
  }
  return out.take();
}

parameter uuids(const std::vector<std::string_view>& ids) {
  array_writer out{type_oid::uuid, ids.size(), ids.size() * 16};
  for (const auto id : ids) {
    if (id.empty()) {
      out.null();
    } else if (is_uuid(id)) {
      out.uuid(id);
    } else {
      std::vector<value> all;
      for (const auto each : ids) all.push_back(to_value(or_null{each}));
      return {to_array(all), false};
    }
  }
  return out.take();
}

}  // namespace cadre::storage::pg
