#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace cadre::bus {

/// How much may be between the NATS threads and the mailboxes at one time. Fixed at construction.
struct gate_limits {
  std::size_t messages_max = 16'384;
  std::size_t bytes_max = 64 * 1024 * 1024;  ///< A single message over this is never admitted.
};

/// A bounded door from the threads of NATS into mailboxes, which have no bound of their own. What is admitted holds a
/// ticket until it was handled; when the gate is full the caller answers `busy` instead of queueing.
/// Thread safe; nothing here blocks.
class gate {
  struct state;

 public:
  /// The right to be in a mailbox. Releases its place on destruction; may outlive the gate; movable, and shareable
  /// through a std::shared_ptr.
  class ticket {
   public:
    ticket(ticket&& other) noexcept = default;
    ticket& operator=(ticket&& other) noexcept;
    ~ticket();
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

   private:
    friend class gate;
    ticket(std::shared_ptr<state> owner, std::size_t bytes) noexcept : owner_(std::move(owner)), bytes_(bytes) {}
    void release() noexcept;

    std::shared_ptr<state> owner_;  ///< Empty once moved from.
    std::size_t bytes_ = 0;
  };

  explicit gate(gate_limits limits);

  /// A place for a message of `bytes`, or nothing if either bound would be passed. A refusal is counted. Near the bound
  /// two callers at the same moment may both be refused although one would have fitted; the bounds are never passed.
  std::optional<ticket> try_admit(std::size_t bytes);

  /// Admitted and not yet released.
  [[nodiscard]] std::size_t messages() const noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Refused since construction.
  [[nodiscard]] std::uint64_t refused() const noexcept;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace cadre::bus
