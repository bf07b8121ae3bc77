#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// Cuts what `cadre task import` reads into records, in bounded memory and without knowing what a task is.
///
/// CSV is read by hand: libcsv, the one light reader that Debian has, does not say on which line a record began, grows
/// with a record without bound and by default takes stray quotes for text. Here each of these is a finding by line.
namespace cadre::cli {

enum class import_format { json_lines, csv };

/// Longest record, in bytes: one command has to fit a message of the bus.
inline constexpr std::size_t import_record_bytes_max = 700 * 1024;

/// One record: a line of JSON Lines, or a row of CSV, which may span lines.
struct import_record {
  std::int64_t line = 0;            ///< Where it begins; the first is 1.
  std::string text;                 ///< Its bytes without the end of the line.
  std::vector<std::string> fields;  ///< Of CSV, unquoted.
  std::string error;                ///< Not empty: it can't be read, and this is why; `text` may be cut.
};

/// Puts up to `bytes_max` bytes at `to` and returns how many; 0 is the end. May block.
using byte_source = std::function<std::size_t(char* to, std::size_t bytes_max)>;

/// Reads one record after another. Lines end with LF or CRLF, the last one also without; empty lines are passed over,
/// a byte order mark at the start, too. CSV is RFC 4180: commas, `"a ""b"""`, line ends inside quotes.
class record_reader {
 public:
  record_reader(import_format format, byte_source source, std::size_t record_bytes_max = import_record_bytes_max);

  /// The next record, or nothing at the end. After a record with an error it goes on with the line that follows.
  std::optional<import_record> next();
  /// Lines that were read so far.
  [[nodiscard]] std::int64_t lines() const noexcept { return lines_; }

 private:
  void fill();
  int take();
  void skip_line();
  import_record read_line();
  import_record read_row();

  import_format format_;
  byte_source source_;
  std::size_t record_bytes_max_;
  std::string buffer_;
  std::size_t next_ = 0;
  std::int64_t lines_ = 0;  ///< Line ends that were passed.
  bool over_ = false;
};

}  // namespace cadre::cli
