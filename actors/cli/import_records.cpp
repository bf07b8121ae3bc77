#include "import_records.hpp"

#include <string_view>

namespace cadre::cli {

namespace {

constexpr int end_of_file = -1;
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// One row of CSV, character by character.
class csv_row {
 public:
  explicit csv_row(import_record& record) : record_{record} { record_.fields.emplace_back(); }

  /// False once the row is over, by its end or by an error; `c` is then still to be taken if it is no line end.
  bool feed(int c) {
    switch (now_) {
      case state::field_start:
        if (c == '"') return go(state::quoted);
        [[fallthrough]];
      case state::plain:
        if (c == '"') return fail("a quote inside a field that does not begin with one");
        if (c == ',') return next_field();
        if (c == '\n' || c == end_of_file) return end_plain();
        return keep(c, state::plain);
      case state::quoted:
        if (c == '"') return go(state::quote_in_quoted);
        if (c == end_of_file) return fail("a quote that is never closed");
        return keep(c, state::quoted);
      case state::quote_in_quoted:
        if (c == '"') return keep(c, state::quoted);
        if (c == '\r') return go(state::after_quoted);
        [[fallthrough]];
      case state::after_quoted:
        if (c == ',' && now_ == state::quote_in_quoted) return next_field();
        if (c == '\n' || c == end_of_file) return false;
        return fail("text after the closing quote of a field");
    }
    return false;
  }

 private:
  enum class state { field_start, plain, quoted, quote_in_quoted, after_quoted };

  bool go(state to) {
    now_ = to;
    return true;
  }
  bool keep(int c, state to) {
    record_.fields.back() += static_cast<char>(c);
    return go(to);
  }
  bool next_field() {
    record_.fields.emplace_back();
    return go(state::field_start);
  }
  bool end_plain() {
    auto& last = record_.fields.back();
    if (!last.empty() && last.back() == '\r') last.pop_back();
    return false;
  }
  bool fail(const char* why) {
    record_.error = "field " + std::to_string(record_.fields.size()) + ": " + why;
    return false;
  }

  import_record& record_;
  state now_ = state::field_start;
};

}  // namespace

record_reader::record_reader(import_format format, byte_source source, std::size_t record_bytes_max)
    : format_{format}, source_{std::move(source)}, record_bytes_max_{record_bytes_max} {
  while (buffer_.size() < byte_order_mark.size() && !over_) fill();
  if (std::string_view{buffer_}.substr(0, byte_order_mark.size()) == byte_order_mark) next_ = byte_order_mark.size();
}

void record_reader::fill() {
  buffer_.erase(0, next_);
  next_ = 0;
  const auto had = buffer_.size();
  buffer_.resize(had + read_bytes);
  buffer_.resize(had + source_(buffer_.data() + had, read_bytes));
  over_ = buffer_.size() == had;
}

int record_reader::take() {
  if (next_ == buffer_.size() && !over_) fill();
  if (next_ == buffer_.size()) return end_of_file;
  const auto c = static_cast<unsigned char>(buffer_[next_++]);
  if (c == '\n') ++lines_;
  return c;
}

void record_reader::skip_line() {
  for (int c = take(); c != end_of_file && c != '\n';) c = take();
}

std::optional<import_record> record_reader::next() {
  for (;;) {
    if (next_ == buffer_.size() && !over_) fill();
    if (next_ == buffer_.size()) return std::nullopt;
    auto record = format_ == import_format::csv ? read_row() : read_line();
    if (!record.text.empty() && record.text.back() == '\r') record.text.pop_back();
    if (record.text.find_first_not_of(" \t") != std::string::npos || !record.error.empty()) return record;
  }
}

import_record record_reader::read_line() {
  import_record record;
  record.line = lines_ + 1;
  for (int c = take(); c != end_of_file && c != '\n'; c = take()) {
    if (record.text.size() == record_bytes_max_) {
      record.error = "the line is longer than " + std::to_string(record_bytes_max_) + " bytes";
      skip_line();
      break;
    }
    record.text += static_cast<char>(c);
  }
  return record;
}

import_record record_reader::read_row() {
  import_record record;
  record.line = lines_ + 1;
  csv_row row{record};
  for (;;) {
    const auto c = take();
    if (!row.feed(c)) {
      if (c != '\n' && c != end_of_file) skip_line();
      return record;
    }
    if (record.text.size() == record_bytes_max_) {
      record.error = "the row is longer than " + std::to_string(record_bytes_max_) + " bytes; is a quote not closed?";
      if (c != '\n') skip_line();
      return record;
    }
    record.text += static_cast<char>(c);
  }
}

}  // namespace cadre::cli
