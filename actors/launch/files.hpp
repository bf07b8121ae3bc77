#pragma once

#include "schemas/error.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

/// Small helpers on files, ports and random bytes that the launcher's parts share. All block on the file system.
namespace cadre::launch {

/// Owns a file descriptor; -1 is none.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { reset(); }

  void reset(int fd = -1) noexcept;
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// "what: reason of errno", as a failure.
tl::unexpected<failure> fail_errno(errc code, const std::string& what);

/// The whole file, at most `bytes_max`; a larger one is an error.
result<std::string> read_file(const std::string& path, std::size_t bytes_max = 1 << 20);

/// Writes beside the file, syncs, renames over it: a reader sees the old text or the new one, never a part.
result<void> write_atomically(const std::string& path, std::string_view text, mode_t mode);

/// Makes the folder, not its parents, with exactly this mode; one that exists gets the mode if it is ours.
result<void> make_folder(const std::string& path, mode_t mode);

/// The last `lines_max` lines (of the last 64 KiB), each indented, for an error message. Empty if there is no file.
std::string tail_of(const std::string& path, std::size_t lines_max);

/// Renames `path` to `path.1` if it is over 64 MiB, so that logs stay bounded.
void rotate_log(const std::string& path);

/// A TCP port on 127.0.0.1 that nobody listened on a moment ago.
result<int> free_loopback_port();

/// An error that names the port if it can't be bound on 127.0.0.1.
result<void> check_loopback_port(int port);

/// Hexadecimal digits of `bytes` random bytes from the kernel.
result<std::string> random_hex(std::size_t bytes);

/// `text` with everything but letters, digits and `-._~` percent-encoded, for URLs.
std::string url_encode(std::string_view text);

}  // namespace cadre::launch
