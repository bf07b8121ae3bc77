#include "actors/runner/child.hpp"

#include <algorithm>
#include <sys/wait.h>

namespace cadre::actors {

using std::chrono::milliseconds;

child_end::child_end(steady_time started, milliseconds timeout, milliseconds grace)
    : started_{started}, ended_{started}, grace_{grace} {
  if (timeout.count() > 0) due_ = started + timeout;
}

child_action child_end::stop(steady_time now, milliseconds grace) {
  if (phase_ != phase::runs && phase_ != phase::terminating) {
    stopped_ = true;
    return child_action::none;
  }
  const bool first = phase_ == phase::runs;
  stopped_ = true;
  if (grace.count() <= 0) {
    phase_ = phase::killing;
    due_.reset();
    return child_action::kill;
  }
  phase_ = phase::terminating;
  due_ = first ? now + grace : std::min(*due_, now + grace);
  return first ? child_action::terminate : child_action::none;
}

child_action child_end::leader_exited(steady_time now) {
  ended_ = now;
  phase_ = phase::emptying;
  due_ = now;
  return child_action::kill;
}

void child_end::group_checked(steady_time now, bool alive) {
  if (phase_ != phase::emptying) return;
  survived_ = alive && now - ended_ >= survival_max;
  if (!alive || survived_) {
    phase_ = phase::dead;
    due_.reset();
    return;
  }
  due_ = now + check_pause_;
  check_pause_ = std::min(check_pause_ * 2, milliseconds{100});
}

child_action child_end::tick(steady_time now) {
  if (!due_ || now < *due_) return child_action::none;
  switch (phase_) {
    case phase::runs:
      timed_out_ = true;
      phase_ = phase::terminating;
      due_ = now + grace_;
      return child_action::terminate;
    case phase::terminating:
      phase_ = phase::killing;
      due_.reset();
      return child_action::kill;
    case phase::emptying:
      return child_action::check;
    case phase::killing:
    case phase::dead:
      break;
  }
  return child_action::none;
}

std::optional<steady_time> child_end::next_tick() const {
  return due_;
}

void child_end::describe(int wait_status, exit_info& out) const {
  using end = exit_info::end;
  out.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
  out.signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
  out.elapsed = std::chrono::duration_cast<milliseconds>(ended_ - started_);
  out.group_survived = survived_;
  if (timed_out_) {
    out.how = end::timed_out;
  } else if (stopped_) {
    out.how = end::stopped;
  } else {
    out.how = out.signal != 0 ? end::signalled : end::exited;
  }
}

}  // namespace cadre::actors
