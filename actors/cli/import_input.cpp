#include "import_input.hpp"

#include "session.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace cadre::cli {

namespace {

constexpr int stop_poll_ms = 200;
constexpr std::size_t copy_bytes = 256 * 1024;

}  // namespace

import_input::import_input(const std::string& file, const stop_request& stop)
    : name_{file == "-" ? "stdin" : file}, stop_{stop} {
  fd_ = file == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw command_error{exit_usage, "can't read " + name_ + ": " + std::strerror(errno)};
  struct stat about {};
  if (::fstat(fd_, &about) == 0 && S_ISDIR(about.st_mode)) {
    ::close(fd_);
    throw command_error{exit_usage, "can't read " + name_ + ": it is a directory"};
  }
  // Stdin that is a file may stand in its middle: what others left of it is the input.
  can_rewind_ = file != "-" && S_ISREG(about.st_mode);
}

import_input::~import_input() {
  ::close(fd_);
}

void import_input::fail(const std::string& what) const {
  throw command_error{exit_findings, "can't " + what + ": " + std::strerror(errno)};
}

std::size_t import_input::read(char* to, std::size_t bytes_max) {
  while (!stop_.asked()) {
    // A pipe may stay silent; the wish to stop must be heard in time nonetheless.
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, stop_poll_ms) <= 0) continue;
    const auto n = ::read(fd_, to, bytes_max);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR && errno != EAGAIN) fail("read " + name_);
  }
  return 0;
}

void import_input::rewind() {
  if (::lseek(fd_, 0, SEEK_SET) < 0) fail("read " + name_ + " again");
}

void import_input::spool() {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string{folder && *folder ? folder : "/tmp"} + "/cadre-import-XXXXXX";
  const int copy = ::mkostemp(path.data(), O_CLOEXEC);
  if (copy < 0) fail("make a temporary file " + path);
  ::unlink(path.c_str());
  std::vector<char> buffer(copy_bytes);
  while (const auto n = read(buffer.data(), buffer.size())) {
    for (std::size_t written = 0; written < n;) {
      const auto w = ::write(copy, buffer.data() + written, n - written);
      if (w < 0 && errno == EINTR) continue;
      if (w < 0) {
        const int why = errno;
        ::close(copy);
        errno = why;
        fail("keep " + name_ + " in a temporary file");
      }
      written += static_cast<std::size_t>(w);
    }
  }
  ::close(fd_);
  fd_ = copy;
  can_rewind_ = true;
  rewind();
}

std::int64_t import_input::count_lines() {
  std::vector<char> buffer(copy_bytes);
  std::int64_t lines = 0;
  char last = '\n';
  while (const auto n = read(buffer.data(), buffer.size())) {
    for (const char* at = buffer.data();
         (at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(buffer.data() + n - at)))); ++at)
      ++lines;
    last = buffer[n - 1];
  }
  rewind();
  return lines + (last == '\n' ? 0 : 1);
}

}  // namespace cadre::cli
