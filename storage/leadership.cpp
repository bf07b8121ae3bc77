#include "storage/leadership.hpp"

#include "storage/leadership_session.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

namespace cadre::storage {

namespace {

constexpr std::chrono::milliseconds poll_every{50};
constexpr std::chrono::milliseconds idle_in_transaction_min{1'000};

// The lock's key: a number of ours and the company's hash. Two companies with one hash would only wait for each other.
#define CADRE_LOCK_CLASS "1128350802"

/// One statement, so that no moment exists in which this session has the lock and the leader row does not name it: a
/// candidate frozen there could never be evicted.
constexpr const char* try_to_lead = R"(
  WITH lock AS MATERIALIZED (SELECT pg_try_advisory_lock()" CADRE_LOCK_CLASS R"(, hashtext($1)) AS got),
  bump AS (INSERT INTO cadre.fence AS f (company, epoch) SELECT $1, 1 FROM lock WHERE got
           ON CONFLICT (company) DO UPDATE SET epoch = f.epoch + 1 RETURNING epoch),
  closed AS (UPDATE cadre.leader l SET ended_at = clock_timestamp(), end_reason = 'replaced'
             FROM bump WHERE l.company = $1 AND l.epoch < bump.epoch AND l.ended_at IS NULL),
  lead AS (INSERT INTO cadre.leader (company, epoch, node, node_life, backend_pid, lease_until)
           SELECT $1, epoch, $2, $3::uuid, pg_backend_pid(), clock_timestamp() + $4::bigint * interval '1 ms' FROM bump)
  SELECT epoch FROM bump)";

/// Only the backend on record for the current epoch, only while it holds the lock, and only if it is not a later
/// backend that got the same process id.
constexpr const char* evict_expired = R"(
  SELECT pg_terminate_backend(l.backend_pid)
  FROM cadre.fence f
  JOIN cadre.leader l ON l.company = f.company AND l.epoch = f.epoch
  JOIN pg_locks k ON k.pid = l.backend_pid AND k.granted AND k.locktype = 'advisory'
    AND k.classid = )" CADRE_LOCK_CLASS R"( AND k.objid = (hashtext($1)::bigint & 4294967295)::oid AND k.objsubid = 2
    AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  JOIN pg_stat_activity a ON a.pid = l.backend_pid AND a.backend_start <= l.since
  WHERE f.company = $1 AND l.ended_at IS NULL AND l.lease_until < clock_timestamp())";

constexpr const char* extend_lease = R"(
  UPDATE cadre.leader l SET lease_until = clock_timestamp() + $3::bigint * interval '1 ms'
  FROM cadre.fence f
  WHERE l.company = $1 AND l.epoch = $2 AND l.ended_at IS NULL AND f.company = l.company AND f.epoch = l.epoch)";

constexpr const char* end_reign = R"(
  UPDATE cadre.leader SET ended_at = clock_timestamp(), end_reason = $3
  WHERE company = $1 AND epoch = $2 AND ended_at IS NULL)";

}  // namespace

struct leadership::impl : leadership_session {
  std::mutex mutex;
  std::condition_variable woken;
  bool cancelled = false;

  void open_session() {
    db = std::make_unique<pg::session>(who.writer_url);
    const auto idle = std::max(who.lease, idle_in_transaction_min);
    // A frozen leader's open transaction would hold the fence: the server ends it even if no standby does.
    db->script("SET idle_in_transaction_session_timeout = " + std::to_string(idle.count()));
    db->script(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'");
  }

  void pause() {
    std::unique_lock lock{mutex};
    woken.wait_for(lock, poll_every, [this] { return cancelled; });
  }

  bool was_cancelled() {
    const std::scoped_lock lock{mutex};
    return cancelled;
  }

  tl::unexpected<failure> give_up() {
    drop();
    const std::scoped_lock lock{mutex};
    cancelled = false;
    return fail(errc::cancelled, "the candidacy was cancelled");
  }
};

leadership::leadership(candidate who) : impl_{std::make_unique<impl>()} {
  impl_->who = std::move(who);
}

leadership::~leadership() = default;

leadership_session& leadership_access::of(leadership& lead) {
  return *lead.impl_;
}

result<epoch> leadership::acquire() {
  auto& me = *impl_;
  me.drop();
  try {
    me.open_session();
    while (!me.was_cancelled()) {
      const auto reign = me.db->run(try_to_lead, me.who.company, me.who.node, me.who.life, me.who.lease.count());
      if (me.who.heard) me.who.heard();
      if (!reign.empty()) {
        me.reign = reign[0][0].as<epoch>();
        return me.reign.load();
      }
      me.db->run(evict_expired, me.who.company);
      me.pause();
    }
    return me.give_up();
  } catch (const std::exception&) {
    auto why = me.db ? pg::diagnose(*me.db).error : pg::diagnose_connect();
    me.drop();
    return tl::unexpected{std::move(why)};
  }
}

void leadership::cancel() noexcept {
  {
    const std::scoped_lock lock{impl_->mutex};
    impl_->cancelled = true;
  }
  impl_->woken.notify_all();
}

result<void> leadership::renew() {
  return impl_->renew();
}

result<void> leadership_session::renew() {
  if (reign == 0 || !db) return not_leader();
  try {
    const auto done = db->run(extend_lease, who.company, reign.load(), who.lease.count());
    if (who.heard) who.heard();
    if (done.affected_rows() == 1) return {};
  } catch (const std::exception&) {
    const auto why = pg::diagnose(*db);
    if (why.kind != pg::trouble::lost) {
      if (who.heard) who.heard();
      return fail(errc::storage, why.error.message);
    }
  }
  auto refusal = not_leader();
  drop();
  return refusal;
}

result<void> leadership::step_down(const std::string& reason) {
  auto& me = *impl_;
  if (me.reign == 0 || !me.db) return {};
  result<void> done;
  try {
    me.db->run(end_reign, me.who.company, me.reign.load(), reason);
  } catch (const std::exception&) {
    done = tl::unexpected{pg::diagnose(*me.db).error};
  }
  me.drop();
  return done;
}

epoch leadership::held() const noexcept {
  return impl_->reign;
}

const candidate& leadership::who() const noexcept {
  return impl_->who;
}

}  // namespace cadre::storage
