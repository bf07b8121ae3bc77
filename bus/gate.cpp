#include "gate.hpp"

#include <atomic>
#include <utility>

namespace cadre::bus {

struct gate::state {
  gate_limits limits;
  std::atomic<std::size_t> messages{0};
  std::atomic<std::size_t> bytes{0};
  std::atomic<std::uint64_t> refused{0};
};

namespace {

bool take(std::atomic<std::size_t>& counter, std::size_t amount, std::size_t max) noexcept {
  if (amount > max) return false;
  if (counter.fetch_add(amount) <= max - amount) return true;
  counter.fetch_sub(amount);
  return false;
}

}  // namespace

gate::ticket& gate::ticket::operator=(ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  owner_ = std::move(other.owner_);
  bytes_ = other.bytes_;
  return *this;
}

gate::ticket::~ticket() {
  release();
}

void gate::ticket::release() noexcept {
  if (!owner_) return;
  owner_->bytes.fetch_sub(bytes_);
  owner_->messages.fetch_sub(1);
  owner_.reset();
}

gate::gate(gate_limits limits) : state_(std::make_shared<state>()) {
  state_->limits = limits;
}

std::optional<gate::ticket> gate::try_admit(std::size_t bytes) {
  if (!take(state_->messages, 1, state_->limits.messages_max)) {
    state_->refused.fetch_add(1);
    return std::nullopt;
  }
  if (!take(state_->bytes, bytes, state_->limits.bytes_max)) {
    state_->messages.fetch_sub(1);
    state_->refused.fetch_add(1);
    return std::nullopt;
  }
  return ticket{state_, bytes};
}

std::size_t gate::messages() const noexcept {
  return state_->messages.load();
}
std::size_t gate::bytes() const noexcept {
  return state_->bytes.load();
}
std::uint64_t gate::refused() const noexcept {
  return state_->refused.load();
}

}  // namespace cadre::bus
