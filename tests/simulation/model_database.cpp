#include "model_database.hpp"

namespace cadre::simulation {

void model_database::stop() {
  up_ = false;
  while (!sessions_.empty()) close(sessions_.begin()->first);
}

session_id model_database::connect(const std::string& node) {
  sessions_[++last_session_] = node;
  return last_session_;
}

void model_database::close(session_id session) {
  roll_back(session);
  sessions_.erase(session);
  if (lock_ == session) lock_ = 0;
}

std::vector<session_id> model_database::sessions_of(const std::string& node) const {
  std::vector<session_id> found;
  for (const auto& [id, of] : sessions_)
    if (of == node) found.push_back(id);
  return found;
}

epoch model_database::try_to_lead(session_id session, milliseconds lease, time_point now) {
  // The bump of the fence waits for those who read it FOR SHARE; here the candidate asks again instead.
  if (!is_open(session) || lock_ != 0 || !sharing_.empty()) return 0;
  lock_ = session;
  leader_ = session;
  lease_until_ = now + lease;
  return ++fence_;
}

void model_database::evict_expired(time_point now) {
  if (lock_ != 0 && lock_ == leader_ && lease_until_ < now) close(leader_);
}

bool model_database::renew(session_id session, epoch reign, milliseconds lease, time_point now) {
  if (!is_open(session) || fence_ != reign) return false;
  lease_until_ = now + lease;
  return true;
}

model_database::begun model_database::begin(session_id session, epoch reign, bool checked) {
  if (!is_open(session)) return begun::lost;
  if (checked && fence_ != reign) return begun::fenced;
  in_transaction_[session] = ++last_transaction_;
  if (checked) sharing_.insert(session);
  return begun::open;
}

bool model_database::commit(session_id session) {
  const bool open = in_transaction_.contains(session);
  roll_back(session);
  return open;
}

}  // namespace cadre::simulation
