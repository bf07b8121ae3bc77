#include "campaign.hpp"

#include "schemas/log.hpp"

namespace cadre::actors {

namespace {

constexpr std::chrono::milliseconds pause_after_failure{500};

}  // namespace

campaign::campaign(storage::candidate who, on_elected elected, std::function<void()> database_lost)
    : who_{std::move(who)}, elected_{std::move(elected)}, database_lost_{std::move(database_lost)}, thread_{[this] {
        run();
      }} {}

campaign::~campaign() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
    if (attempt_) attempt_->cancel();
  }
  changed_.notify_all();
  thread_.join();
}

void campaign::run_again() {
  {
    std::lock_guard lock{mutex_};
    reigning_ = false;
  }
  changed_.notify_all();
}

void campaign::allow(bool yes) {
  {
    std::lock_guard lock{mutex_};
    if (allowed_ == yes) return;
    allowed_ = yes;
    if (!yes && attempt_) attempt_->cancel();
  }
  changed_.notify_all();
}

void campaign::run() {
  std::string last_trouble;
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || allowed_; });
    if (stopping_) return;
    attempt_ = std::make_shared<storage::leadership>(who_);
    auto lead = attempt_;
    lock.unlock();
    const auto reign = lead->acquire();
    lock.lock();
    attempt_.reset();
    if (stopping_) return;
    if (!reign) {
      if (reign.error().code == errc::cancelled) continue;
      if (database_lost_) database_lost_();
      // Once per kind of trouble: the database may be away for an hour.
      if (reign.error().message != last_trouble) log::warn("no candidacy yet: {}", reign.error().message);
      last_trouble = reign.error().message;
      changed_.wait_for(lock, pause_after_failure, [this] { return stopping_; });
      continue;
    }
    last_trouble.clear();
    reigning_ = true;
    const auto begun = std::chrono::steady_clock::now();
    elected_(std::move(lead), *reign);
    changed_.wait(lock, [this] { return stopping_ || !reigning_; });
    // A reign that ends as soon as it begins must not be repeated in a tight loop.
    changed_.wait_until(lock, begun + pause_after_failure, [this] { return stopping_; });
  }
}

}  // namespace cadre::actors
