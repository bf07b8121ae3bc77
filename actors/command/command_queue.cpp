#include "command_queue.hpp"

#include <algorithm>
#include <string>

namespace cadre::actors {

namespace {

outcome answer(const command_id& id, outcome_status status, failure error) {
  outcome o;
  o.command = id;
  o.status = status;
  o.error = std::move(error);
  return o;
}

bool worth_repeating(const outcome& o) {
  return o.status == outcome_status::busy || o.status == outcome_status::in_doubt || o.error.code == errc::not_leader;
}

}  // namespace

command_queue::actions command_queue::add(command c, std::size_t bytes, time_point now) {
  actions out;
  if (const auto known = askers_.find(c.id); known != askers_.end()) {
    ++known->second;
    return out;
  }
  if (bytes > options_.batch_bytes_max) {
    out.push_back(deliver{
        c.id, answer(c.id, outcome_status::rejected,
                     {errc::too_large, "a command of " + std::to_string(bytes) + " bytes is over the bound of " +
                                           std::to_string(options_.batch_bytes_max)})});
    return out;
  }
  if (pending() >= options_.pending_max || bytes_ + bytes > options_.pending_bytes_max) {
    out.push_back(deliver{
        c.id, answer(c.id, outcome_status::busy, {errc::busy, "too many commands of this node wait for the writer"})});
    return out;
  }
  askers_.emplace(c.id, 1);
  bytes_ += bytes;
  waiting_.push_back({std::move(c), bytes, now});
  send_next(out);
  return out;
}

command_queue::actions command_queue::on_outcomes(std::vector<outcome> outcomes, time_point now) {
  actions out;
  trouble_ = {};
  std::unordered_map<command_id, outcome*> by_id;
  for (auto& o : outcomes) by_id.emplace(o.command, &o);
  std::vector<entry> again;
  for (auto& e : in_flight_) {
    const auto found = by_id.find(e.what.id);
    if (found == by_id.end() || worth_repeating(*found->second)) {
      if (found != by_id.end()) trouble_ = found->second->error;
      again.push_back(std::move(e));
    } else {
      finish(out, e, std::move(*found->second));
    }
  }
  in_flight_.clear();
  for (auto it = again.rbegin(); it != again.rend(); ++it) waiting_.push_front(std::move(*it));
  expire(out, now);
  if (again.empty()) {
    next_pause_ = {};
    send_next(out);
  } else {
    pause(out);
  }
  return out;
}

command_queue::actions command_queue::on_failure(const failure& error, time_point now) {
  actions out;
  trouble_ = error;
  for (auto it = in_flight_.rbegin(); it != in_flight_.rend(); ++it) waiting_.push_front(std::move(*it));
  in_flight_.clear();
  expire(out, now);
  pause(out);
  return out;
}

command_queue::actions command_queue::on_wake(std::uint64_t generation, time_point now) {
  actions out;
  if (!paused_ || generation != generation_) return out;
  paused_ = false;
  expire(out, now);
  send_next(out);
  return out;
}

void command_queue::send_next(actions& out) {
  if (paused_ || !in_flight_.empty() || waiting_.empty()) return;
  send_batch batch;
  std::size_t bytes = 0;
  while (!waiting_.empty() && in_flight_.size() < options_.batch_max) {
    if (!in_flight_.empty() && bytes + waiting_.front().bytes > options_.batch_bytes_max) break;
    bytes += waiting_.front().bytes;
    in_flight_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    batch.commands.push_back(in_flight_.back().what);
  }
  out.push_back(std::move(batch));
}

void command_queue::pause(actions& out) {
  next_pause_ = next_pause_.count() == 0 ? options_.retry_initial : std::min(next_pause_ * 2, options_.retry_max);
  // Whoever is busy knows best when he will not be.
  const std::chrono::milliseconds asked{trouble_.retry_after_ms};
  next_pause_ = std::clamp(asked, next_pause_, options_.retry_max);
  paused_ = true;
  out.push_back(wake_after{next_pause_, ++generation_});
}

void command_queue::expire(actions& out, time_point now) {
  while (!waiting_.empty() && now - waiting_.front().since > options_.give_up_after) {
    const auto e = std::move(waiting_.front());
    waiting_.pop_front();
    auto error = trouble_;
    if (error.code == errc::none) error = {errc::unreachable, "the writer did not answer in time"};
    finish(out, e, answer(e.what.id, outcome_status::in_doubt, std::move(error)));
  }
}

void command_queue::finish(actions& out, const entry& e, outcome result) {
  bytes_ -= e.bytes;
  auto asked = askers_.extract(e.what.id);
  for (std::size_t n = asked.mapped(); n > 1; --n) out.push_back(deliver{e.what.id, result});
  out.push_back(deliver{e.what.id, std::move(result)});
}

}  // namespace cadre::actors
