#include "schemas/log.hpp"
#include "storage/leadership_session.hpp"
#include "storage/pg/rows.hpp"
#include "storage/writer/batch.hpp"
#include "storage/writer/escalations.hpp"
#include "storage/writer/handlers.hpp"
#include "storage/writer/retention.hpp"

namespace cadre::storage {

using writer::unit;

namespace {

enum class ending {
  committed,
  poisoned,     ///< A statement was refused; nothing was applied.
  too_slow,     ///< Of pruning alone: a search was given up; nothing was applied.
  unavailable,  ///< Postgres can't now; nothing was applied.
  lost,         ///< The session broke; whether it committed is not known.
  fenced        ///< Another epoch began; nothing was applied.
};

/// Where one task was there already, more of them may follow: somebody repeats what he sent.
constexpr int careful_commits_after_trouble = 64;

struct attempt {
  ending how = ending::committed;
  failure why;
};

}  // namespace

struct writer_engine::impl {
  impl(leadership& l, engine_options o)
      : lead{leadership_access::of(l)},
        options{std::move(o)},
        random{options.seed != 0
                   ? options.seed
                   : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())} {
    memory.queue = writer::work_queue{options.queue_kept_max};
  }

  leadership_session& lead;
  engine_options options;
  writer::memory memory;
  writer::pruner pruning;
  std::mt19937_64 random;
  timestamp clock_base;
  std::chrono::steady_clock::time_point clock_read{};
  bool remembers = false;
  int careful_commits = 0;  ///< So many more expect that a command is refused.

  [[nodiscard]] timestamp clock() const {
    if (options.clock) return options.clock();
    const auto passed = std::chrono::steady_clock::now() - clock_read;
    return clock_base + std::chrono::duration_cast<std::chrono::microseconds>(passed);
  }

  void read_clock() {
    if (options.clock) return;
    const auto rows = lead.db->run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
    clock_base.us = rows[0][0].as<std::int64_t>();
    clock_read = std::chrono::steady_clock::now();
  }

  /// FOR SHARE conflicts with the bump of a takeover, so until COMMIT no other epoch can begin. If one began, the
  /// server refuses this and all behind it.
  static constexpr const char* check_fence =
      "SELECT cadre.must_equal(count(*), 1, 'this epoch is over') FROM "
      "(SELECT 1 FROM cadre.fence WHERE company = $1 AND epoch = $2::bigint FOR SHARE) f";

  void begin() {
    lead.db->send("BEGIN");
    lead.db->send(check_fence, lead.who.company, lead.reign.load());
  }

  void commit() {
    lead.db->send("COMMIT");
    lead.db->finish();
  }

  void roll_back() noexcept {
    try {
      if (!lead.db || !lead.db->alive()) return;
      lead.db->abandon();
      lead.db->script("ROLLBACK");
    } catch (const std::exception& e) {
      log::warn("company {}: rollback: {}", lead.who.company, e.what());
    }
  }

  /// Runs `body` between BEGIN and COMMIT; on any trouble statements and memory are as before.
  template <class Body>
  attempt transact(unit& u, Body&& body) {
    attempt result;
    try {
      begin();
      body();
      commit();
      return result;
    } catch (const writer::rejection& e) {
      result = {ending::poisoned, e.error};
    } catch (const writer::too_slow&) {
      result.how = ending::too_slow;
    } catch (const pqxx::sql_error& e) {
      const bool over = e.query() == check_fence && e.sqlstate() == "P0002" && lead.db->alive();
      result = over ? attempt{ending::fenced, lead.not_leader().value()} : diagnosed();
    } catch (const std::exception&) {
      result = diagnosed();
    } catch (const pg::bad_text& e) {
      result = {ending::poisoned, {errc::bad_value, e.message}};
    }
    u.back_to({});
    if (result.how != ending::lost) roll_back();
    if (!lead.db->alive()) result.how = ending::lost;
    return result;
  }

  attempt diagnosed() const {
    const auto d = pg::diagnose(*lead.db);
    switch (d.kind) {
      case pg::trouble::lost:
        return {ending::lost, d.error};
      case pg::trouble::unavailable:
        return {ending::unavailable, d.error};
      case pg::trouble::refused:
        break;
    }
    return {ending::poisoned, d.error};
  }

  attempt commit_once(const std::vector<command>& commands, bool isolate, batch_result& out) {
    unit u{*lead.db, memory, options, random, clock()};
    u.careful = isolate || careful_commits > 0;
    if (careful_commits > 0) --careful_commits;
    out = {};
    out.outcomes.resize(commands.size());
    auto result = transact(u, [&] {
      if (isolate) {
        writer::apply_isolated(u, commands, out.outcomes);
      } else {
        writer::apply_together(u, commands, out.outcomes);
      }
      writer::write_repeats(u);
      writer::grant_safely(u, isolate);
      writer::mark_runs(u);
      writer::write_events(u);
    });
    if (result.how == ending::committed) {
      out.events = std::move(u.events);
      out.grants = std::move(u.grants);
      out.revokes = std::move(u.revokes);
      out.replaced = std::move(u.replaced);
      out.briefs = std::move(u.briefs);
    }
    return result;
  }

  /// Who reported in vain did not fall silent: while Postgres refuses reports, no lease runs out.
  void forgive_silence() {
    const auto now = clock();
    for (auto& [name, node] : memory.nodes) node.seen_at = now;
    for (auto& [id, run] : memory.runs)
      run.lease_until = std::max(run.lease_until, now + memory.company.timing.run_lease);
  }

  static void answer_all(batch_result& out, const std::vector<command>& commands, outcome_status status,
                         const failure& why) {
    out = {};
    for (const auto& c : commands) {
      outcome o;
      o.command = c.id;
      o.status = status;
      o.error = why;
      out.outcomes.push_back(std::move(o));
    }
  }

  void answer_ending(batch_result& out, const std::vector<command>& commands, const attempt& result) {
    switch (result.how) {
      case ending::committed:
        return;
      case ending::poisoned:
      case ending::too_slow:
        return answer_all(out, commands, outcome_status::rejected, result.why);
      case ending::unavailable:
        forgive_silence();
        return answer_all(out, commands, outcome_status::busy, result.why);
      case ending::lost:
        answer_all(out, commands, outcome_status::in_doubt, {errc::in_doubt, result.why.message});
        break;
      case ending::fenced:
        answer_all(out, commands, outcome_status::rejected, result.why);
        break;
    }
    out.lost_leadership = true;
    lead.drop();
  }

  [[nodiscard]] std::optional<std::chrono::milliseconds> next_wakeup() const {
    auto due = memory.next_due;
    const auto earlier = [&due](timestamp t) {
      if (!due || t < *due) due = t;
    };
    for (const auto& [id, run] : memory.runs) earlier(run.lease_until);
    for (const auto& [name, node] : memory.nodes)
      if (node.up) earlier(node.seen_at + memory.company.timing.lease);
    const auto& schedules = memory.schedules;
    if (!schedules.look_at.empty()) earlier(schedules.look_at + -schedules.wall_ahead);
    if (!due) return std::nullopt;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock());
    return std::max(left, std::chrono::milliseconds{0});
  }

  result<void> sync(const config::company& company) {
    const auto before = memory.company;
    if (!remembers) read_clock();
    memory.adopt(company);
    unit u{*lead.db, memory, options, random, clock()};
    const auto done = transact(u, [&] { writer::write_company(u); });
    if (done.how != ending::committed) {
      memory.adopt(before);
      if (done.how == ending::lost || done.how == ending::fenced) lead.drop();
      return tl::unexpected{done.why};
    }
    if (remembers) {
      writer::recall_agents(*lead.db, memory);
    } else {
      writer::recall(*lead.db, memory, clock());
    }
    remembers = true;
    pruning.restart();
    return {};
  }

  std::optional<std::chrono::milliseconds> prune() {
    const auto began = std::chrono::steady_clock::now();
    auto bounds = options;
    bounds.prune_rows_max = pruning.rows_max(options.prune_rows_max);
    unit u{*lead.db, memory, bounds, random, clock()};
    const auto done = transact(u, [&] {
      lead.db->script("SET LOCAL lock_timeout = " + std::to_string(options.prune_lock_wait.count()));
      pruning.step(u);
    });
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    switch (done.how) {
      case ending::committed:
        return pruning.committed(took);
      case ending::too_slow:
        return pruning.too_slow(took);
      case ending::poisoned:
      case ending::unavailable:
        break;
      case ending::lost:
      case ending::fenced:
        lead.drop();
        return std::nullopt;
    }
    const auto wait = pruning.failed();
    log::warn("company {}: pruning waits for {} ms: {}", lead.who.company, wait.count(), done.why.message);
    return wait;
  }
};

writer_engine::writer_engine(leadership& lead, engine_options options)
    : impl_{std::make_unique<impl>(lead, std::move(options))} {}

writer_engine::~writer_engine() = default;

result<void> writer_engine::sync_company(const config::company& company) {
  auto& lead = impl_->lead;
  if (lead.reign == 0 || !lead.db) return lead.not_leader();
  if (company.name != lead.who.company)
    return fail(errc::wrong_company, "this engine writes for " + lead.who.company + ", not for " + company.name);
  if (company.agents.empty()) return fail(errc::bad_config, "a company has at least a ceo");
  try {
    return impl_->sync(company);
  } catch (const std::exception&) {
    return tl::unexpected{pg::diagnose(*lead.db).error};
  }
}

batch_result writer_engine::commit(const std::vector<command>& commands) {
  auto& me = *impl_;
  batch_result out;
  if (me.lead.reign == 0 || !me.lead.db || !me.remembers) {
    me.answer_ending(out, commands, {ending::fenced, me.lead.not_leader().value()});
    return out;
  }
  auto result = me.commit_once(commands, false, out);
  if (result.how == ending::poisoned) {
    me.careful_commits = careful_commits_after_trouble;
    result = me.commit_once(commands, true, out);
  }
  me.answer_ending(out, commands, result);
  if (!out.lost_leadership) out.next_wakeup = me.next_wakeup();
  return out;
}

std::optional<std::chrono::milliseconds> writer_engine::prune() {
  auto& me = *impl_;
  if (me.lead.reign == 0 || !me.lead.db || !me.remembers) return std::nullopt;
  return me.prune();
}

result<void> writer_engine::renew() {
  return impl_->lead.renew();
}

result<std::vector<event>> writer_engine::events_after(std::int64_t seq, std::int64_t limit) {
  auto& lead = impl_->lead;
  if (lead.reign == 0 || !lead.db) return lead.not_leader();
  try {
    return pg::read_events(*lead.db, lead.who.company, seq, limit);
  } catch (const std::exception&) {
    return tl::unexpected{pg::diagnose(*lead.db).error};
  }
}

timestamp writer_engine::clock() const {
  return impl_->clock();
}

}  // namespace cadre::storage
