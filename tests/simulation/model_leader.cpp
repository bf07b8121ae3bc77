#include "model_leader.hpp"

#include "actors/supervision/protocol.hpp"
#include "fleet.hpp"
#include "node_process.hpp"

#include <algorithm>

namespace cadre::simulation {

namespace {

constexpr milliseconds poll_every{50};
constexpr milliseconds pause_after_failure{500};
constexpr milliseconds tick_every{500};

}  // namespace

void model_leader::later(milliseconds delay, std::function<void()> what) {
  node_.after(delay, [this, generation = generation_, what = std::move(what)] {
    if (generation == generation_) what();
  });
}

void model_leader::campaign() {
  auto& db = fleet_.database;
  if (!fleet_.reaches_database(node_.name)) {
    drop_session();
    return later(pause_after_failure, [this] { campaign(); });
  }
  if (session_ == 0 || !db.is_open(session_)) session_ = db.connect(node_.name);
  reign_ = db.try_to_lead(session_, fleet_.plan.company->timing.lease, fleet_.time.now());
  if (reign_ != 0) return elected();
  db.evict_expired(fleet_.time.now());
  later(poll_every, [this] { campaign(); });
}

void model_leader::elected() {
  fleet_.watch.reign_begun(reign_, node_.life);
  fleet_.log.note("{} is elected with epoch {}", node_.life.text, reign_);
  rules_.emplace(fleet_.database.data, fleet_.watch, fleet_.chance, *fleet_.plan.company, fleet_.broken);
  later(fleet_.chance.time(1, 30), [this] { begin_reign(); });
}

/// The company was written and memory was read, in a transaction of its own.
void model_leader::begin_reign() {
  auto& db = fleet_.database;
  const bool open = fleet_.reaches_database(node_.name) &&
                    db.begin(session_, reign_, true) == model_database::begun::open && db.commit(session_);
  if (!open) return end_reign("the org could not be written");
  fleet_.watch.committed(reign_, node_.life);
  listens_ = true;
  caf::anon_send(node_.host, actors::supervision::lead{reign_});
  renew();
  tick();
}

void model_leader::drop_session() {
  // Across a cut the server never hears of it: the session and its lock live on there.
  if (session_ != 0 && fleet_.reaches_database(node_.name)) fleet_.database.close(session_);
  session_ = 0;
}

void model_leader::end_reign(const char* why) {
  fleet_.log.note("{} leads no more with epoch {}: {}", node_.life.text, reign_, why);
  ++generation_;
  listens_ = busy_ = tick_due_ = false;
  waiting_.clear();
  drop_session();
  reign_ = 0;
  caf::anon_send(node_.host, actors::supervision::step_down{});
  later(milliseconds{1}, [this] { campaign(); });
}

void model_leader::resign() {
  ++generation_;
  listens_ = false;
  waiting_.clear();
  drop_session();
}

void model_leader::renew() {
  const auto lease = fleet_.plan.company->timing.lease;
  if (!fleet_.reaches_database(node_.name)) return later(pause_after_failure, [this] { end_reign("no renewal"); });
  if (!fleet_.database.renew(session_, reign_, lease, fleet_.time.now())) return end_reign("another epoch began");
  later(lease / 8, [this] { renew(); });
}

void model_leader::tick() {
  tick_due_ = true;
  later(tick_every, [this] { tick(); });
  flush();
}

void model_leader::take(std::vector<command> commands, answer reply) {
  waiting_.push_back({std::move(commands), std::move(reply)});
  flush();
}

void model_leader::flush() {
  if (busy_ || !listens_ || (waiting_.empty() && !tick_due_)) return;
  batches taken{std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end())};
  waiting_.clear();
  transact(std::move(taken), std::exchange(tick_due_, false));
}

void model_leader::transact(batches taken, bool with_tick) {
  auto& db = fleet_.database;
  if (!fleet_.reaches_database(node_.name)) return lose(taken, "the database does not answer");
  const auto began = db.begin(session_, reign_, fleet_.broken != sabotage::epoch_unchecked);
  if (began == model_database::begun::fenced) {
    answer_all(taken, outcome_status::rejected, errc::not_leader);
    return end_reign("another epoch began");
  }
  if (began == model_database::begun::lost) return lose(taken, "the session is gone");
  busy_ = true;
  // idle_in_transaction_session_timeout: the server's own patience with a client that was frozen or cut off.
  fleet_.time.after(std::max(fleet_.plan.company->timing.lease, milliseconds{1'000}),
                    [&db, session = session_, number = db.transaction_of(session_)] {
                      if (db.transaction_of(session) == number) db.close(session);
                    });
  later(fleet_.chance.time(1, 6), [this, taken = std::move(taken), with_tick] { commit(taken, with_tick); });
}

void model_leader::commit(const batches& taken, bool with_tick) {
  busy_ = false;
  auto& db = fleet_.database;
  if (fleet_.commit_trouble > 0 && fleet_.chance.chance(fleet_.commit_trouble) && commit_in_trouble(taken, with_tick))
    return;
  if (!fleet_.reaches_database(node_.name)) {
    // COMMIT may have left before the cut, its answer never comes.
    if (fleet_.chance.chance(0.5) && db.commit(session_)) apply(taken, with_tick);
    return lose(taken, "the database does not answer");
  }
  if (!db.commit(session_)) return lose(taken, "the session is gone");
  const auto outcomes = apply(taken, with_tick);
  for (std::size_t i = 0; i < taken.size(); ++i) taken[i].reply(outcomes[i]);
  hand_out();
  flush();
}

/// The crash points around a commit. False: this one goes on as if nothing were.
bool model_leader::commit_in_trouble(const batches& taken, bool with_tick) {
  auto& db = fleet_.database;
  switch (fleet_.chance.between(0, 4)) {
    case 0:
      fleet_.log.note("{} is killed before COMMIT", node_.life.text);
      if (fleet_.broken == sabotage::answers_early) answer_all(taken, outcome_status::committed, errc::none);
      fleet_.kill(node_.name);
      return true;
    case 1:
      fleet_.log.note("{} is killed after COMMIT", node_.life.text);
      if (db.commit(session_)) apply(taken, with_tick);
      fleet_.kill(node_.name);
      return true;
    case 2:
      fleet_.log.note("{}: the connection breaks before COMMIT", node_.life.text);
      db.close(session_);
      lose(taken, "the connection broke");
      return true;
    case 3:
      fleet_.log.note("{}: the connection breaks after COMMIT", node_.life.text);
      if (db.commit(session_)) apply(taken, with_tick);
      db.close(session_);
      lose(taken, "the connection broke");
      return true;
    default:
      fleet_.log.note("{}: the database can't now", node_.life.text);
      db.roll_back(session_);
      answer_all(taken, outcome_status::busy, errc::busy);
      return true;
  }
}

/// Whether it committed is not known to this side.
void model_leader::lose(const batches& taken, const char* why) {
  const bool early = fleet_.broken == sabotage::answers_early;
  answer_all(taken, early ? outcome_status::committed : outcome_status::in_doubt, early ? errc::none : errc::in_doubt);
  end_reign(why);
}

std::vector<std::vector<outcome>> model_leader::apply(const batches& taken, bool with_tick) {
  fleet_.watch.committed(reign_, node_.life);
  const timestamp now = fleet_.wall_clock();
  std::vector<std::vector<outcome>> all;
  for (const auto& b : taken) {
    all.emplace_back();
    for (const auto& c : b.commands) all.back().push_back(rules_->apply(c, now));
  }
  if (with_tick) rules_->tick(now);
  rules_->grant(now);
  return all;
}

void model_leader::answer_all(const batches& taken, outcome_status status, errc code) {
  for (const auto& b : taken) {
    std::vector<outcome> outcomes;
    for (const auto& c : b.commands) {
      outcome o;
      o.command = c.id;
      o.status = status;
      o.error = {code, "see the status"};
      outcomes.push_back(std::move(o));
    }
    b.reply(std::move(outcomes));
  }
}

void model_leader::hand_out() {
  for (const auto& g : std::exchange(rules_->grants, {})) fleet_.publish(node_.name, g);
  for (const auto& r : std::exchange(rules_->revokes, {})) fleet_.publish(node_.name, r);
  for (const auto& r : std::exchange(rules_->replaced, {})) fleet_.publish(node_.name, r);
}

}  // namespace cadre::simulation
