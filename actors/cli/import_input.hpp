#pragma once

#include "stop_request.hpp"

#include <cstdint>
#include <string>

namespace cadre::cli {

/// What an import reads: a file, or stdin for `-`. Every call blocks and throws `command_error`.
class import_input {
 public:
  import_input(const std::string& file, const stop_request& stop);
  ~import_input();
  import_input(const import_input&) = delete;
  import_input& operator=(const import_input&) = delete;

  /// Reads on; 0 at the end, and once a stop was asked for.
  std::size_t read(char* to, std::size_t bytes_max);
  /// True if it can be read a second time.
  [[nodiscard]] bool can_rewind() const noexcept { return can_rewind_; }
  void rewind();
  /// Copies all of it to a temporary file without a name, and reads that from now on.
  void spool();
  /// Lines to the end; then goes back to the start. Only where it can be rewound.
  std::int64_t count_lines();

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  const stop_request& stop_;
  int fd_ = -1;
  bool can_rewind_ = false;
};

}  // namespace cadre::cli
