#include "actors/launch/files.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace cadre::launch {

namespace {

constexpr off_t log_bytes_max = 64 << 20;
constexpr std::size_t tail_bytes_max = 64 << 10;
constexpr std::string_view hex_digits = "0123456789abcdef";

/// Binds 127.0.0.1:`port` and gives the port that it got.
result<int> bind_loopback(int port) {
  const descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(errc::internal, "can't make a socket");
  // As servers do: a port with connections in TIME_WAIT may be bound, one that is listened on may not.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), plain, size) != 0 || ::listen(fd.get(), 1) != 0) {
    return fail_errno(errc::refused, "port " + std::to_string(port) + " on 127.0.0.1 can't be used");
  }
  if (::getsockname(fd.get(), plain, &size) != 0) return fail_errno(errc::internal, "can't read a socket's port");
  return ntohs(address.sin_port);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

void descriptor::reset(int fd) noexcept {
  if (fd_ >= 0 && fd_ != fd) ::close(fd_);
  fd_ = fd;
}

tl::unexpected<failure> fail_errno(errc code, const std::string& what) {
  return fail(code, what + ": " + std::strerror(errno));
}

result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno(errc::not_found, "can't read " + path);
  std::string text;
  std::array<char, 8192> chunk{};
  for (;;) {
    const auto n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errc::internal, "can't read " + path);
    if (n == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(n));
    if (text.size() > bytes_max)
      return fail(errc::too_large, path + " is over " + std::to_string(bytes_max) + " bytes");
  }
}

result<void> write_atomically(const std::string& path, std::string_view text, mode_t mode) {
  const auto fresh = path + ".new";
  ::unlink(fresh.c_str());
  const descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return fail_errno(errc::internal, "can't write " + fresh);
  if (::fchmod(fd.get(), mode) != 0 || !write_all(fd.get(), text) || ::fsync(fd.get()) != 0) {
    const auto failed = fail_errno(errc::internal, "can't write " + fresh);
    ::unlink(fresh.c_str());
    return failed;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno(errc::internal, "can't write " + path);
  return {};
}

result<void> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno(errc::refused, "can't make " + path);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(errc::refused, "can't read " + path);
  if (!S_ISDIR(info.st_mode)) return fail(errc::refused, path + " is not a folder");
  if (info.st_uid != ::geteuid() && ::geteuid() != 0) {
    return fail(errc::refused, path + " belongs to another user (uid " + std::to_string(info.st_uid) + ")");
  }
  if ((info.st_mode & 07777) != mode && ::chmod(path.c_str(), mode) != 0) {
    return fail_errno(errc::refused, "can't set the mode of " + path);
  }
  return {};
}

std::string tail_of(const std::string& path, std::size_t lines_max) {
  const descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const auto size = ::lseek(fd.get(), 0, SEEK_END);
  if (size <= 0) return {};
  const auto wanted = std::min<off_t>(size, static_cast<off_t>(tail_bytes_max));
  std::string text(static_cast<std::size_t>(wanted), '\0');
  const auto n = ::pread(fd.get(), text.data(), text.size(), size - wanted);
  if (n <= 0) return {};
  text.resize(static_cast<std::size_t>(n));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  auto from = text.size();
  for (std::size_t lines = 0; lines < lines_max && from != 0; ++lines) {
    const auto at = text.rfind('\n', from - 1);
    from = at == std::string::npos ? 0 : at;
  }
  if (from != 0) ++from;
  std::string out = "  | ";
  for (const char c : text.substr(from)) {
    out += c;
    if (c == '\n') out += "  | ";
  }
  return out;
}

void rotate_log(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > log_bytes_max) {
    static_cast<void>(std::rename(path.c_str(), (path + ".1").c_str()));
  }
}

result<int> free_loopback_port() {
  return bind_loopback(0);
}

result<void> check_loopback_port(int port) {
  const auto got = bind_loopback(port);
  if (!got) return tl::unexpected<failure>{got.error()};
  return {};
}

result<std::string> random_hex(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  if (bytes > 256 || ::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(bytes)) {
    return fail(errc::internal, "the kernel gave no random bytes");
  }
  std::string out;
  for (const auto b : raw) {
    out += hex_digits[b >> 4];
    out += hex_digits[b & 15];
  }
  return out;
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    const bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
                       std::string_view{"-._~"}.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += hex_digits[b >> 4];
      out += hex_digits[b & 15];
    }
  }
  return out;
}

}  // namespace cadre::launch
