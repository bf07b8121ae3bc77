#pragma once

namespace cadre::cli {

/// For commands that work through a list: while it lives, the first Ctrl-C or SIGTERM only asks to stop, and the
/// command ends where it can say how far it came. A second one ends the process. One at a time.
class stop_request {
 public:
  stop_request();
  ~stop_request();
  stop_request(const stop_request&) = delete;
  stop_request& operator=(const stop_request&) = delete;

  [[nodiscard]] bool asked() const noexcept;
};

}  // namespace cadre::cli
