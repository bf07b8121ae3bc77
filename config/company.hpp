#pragma once

#include "schemas/agent_path.hpp"
#include "schemas/json_text.hpp"
#include "schemas/org.hpp"
#include "schemas/task.hpp"
#include "schemas/time.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A company as its `cadre.yaml` describes it, checked and with every default filled in. The types are plain data;
/// `config/load.hpp` makes them, and what it made is consistent: code that reads them need not check again.
namespace cadre::config {

using std::chrono::milliseconds;

/// `{initial, max, factor, jitter}`: the n-th wait is initial * factor^n, at most max, varied by +-jitter of itself.
struct backoff {
  milliseconds initial{200};
  milliseconds max{30'000};
  double factor = 2.0;
  double jitter = 0.2;
};

/// Restart settings of a branch, as in OTP's supervisor flags.
struct supervise {
  restart_strategy strategy = restart_strategy::one_for_one;
  std::int64_t intensity = 3;  ///< Restarts allowed within `period`; 0: the first failure gives up.
  milliseconds period{60'000};
  cadre::auto_shutdown shutdown_when = cadre::auto_shutdown::never;  ///< Key `auto_shutdown`.
  backoff wait;  ///< Key `backoff`: the pause before a restart. Ours; OTP has none.
};

/// How long a child may take to stop.
struct shutdown_time {
  enum class mode { timed, brutal_kill, infinity };
  mode how = mode::timed;
  milliseconds time{10'000};  ///< Of `timed`.
};

/// What an agent runs (`run:`). An auditor that gives checks and no `run` gets mode `check`; with a command, its checks
/// are run as well.
struct run_spec {
  enum class mode { none, command, check, bus };
  mode how = mode::none;
  std::vector<std::string> command;  ///< argv. argv[0] with a slash is relative to the config file's folder.
  std::map<std::string, std::string> env;
  std::int64_t output_bytes_max = 16 * 1024 * 1024;  ///< Bytes on stdout per run.
  std::int64_t line_bytes_max = 512 * 1024;
  std::int64_t memory_bytes_max = 0;  ///< Address space of the process; 0: unlimited.
  std::int64_t open_files_max = 256;
  // Of mode bus.
  milliseconds heartbeat{5'000};  ///< Of the programs that attach; one that misses three of them is gone.
  std::int64_t programs_max = 16;
};

struct retry_policy {
  std::int64_t attempts = 3;
  backoff wait{milliseconds{1'000}, milliseconds{300'000}, 2.0, 0.2};
};

/// A dataset that a worker may write (`outputs:`).
struct output_spec {
  std::string dataset;
  std::vector<std::string> key;  ///< Columns that identify a row. Empty only with mode append.
  output_mode mode = output_mode::replace;
};

/// Which rows are looked at (`sample:`). Neither rows nor share: all of them.
struct sample_spec {
  std::int64_t rows = 0;
  double share = 0.0;
  std::int64_t seed = 0;
  [[nodiscard]] bool all() const noexcept { return rows == 0 && share == 0.0; }
};

/// What of an output is compared with those before (`drift:`).
struct drift_spec {
  std::optional<double> row_change;   ///< Key `row_count`: share of the median.
  std::optional<double> null_change;  ///< Key `nulls`: difference of two shares.
  std::optional<double> shift;        ///< In usual spreads.
  std::int64_t history = 10;          ///< Promoted outputs.
};

/// A declared check of an auditor (`checks:`).
struct check_spec {
  enum class kind { schema, unique, not_null, range, max_drop, sql, references, total, drift };
  kind type = kind::not_null;
  std::string name;     ///< For people; made of the type and its columns if not given.
  std::string dataset;  ///< Empty: every dataset of the worker.
  std::vector<std::string>
      columns;                     ///< unique, not_null, drift; exactly one for range, references; total: at most one.
  std::optional<double> min, max;  ///< range.
  double max_drop_fraction = 0.0;  ///< max_drop: rows may shrink by at most this share of the canonical count.
  json_text schema;                ///< schema: a JSON Schema for each row.
  /// sql: a read-only SELECT that returns the offending rows; none means passed. `$1` is the output id (uuid);
  /// the staged rows are in `cadre.output_row (output, row_no, key, row jsonb)`.
  std::string sql;
  // references, total: the canonical rows of a dataset, and their column. tolerance: of total.
  std::string other_dataset, other_column;
  double tolerance = 0.0;
  drift_spec drift;
  sample_spec sample;  ///< In place of the auditor's; of schema, unique, not_null and range.

  /// Whether it looks at rows one by one, so that a sample of them makes sense.
  [[nodiscard]] bool is_of_rows() const noexcept {
    return type == kind::schema || type == kind::unique || type == kind::not_null || type == kind::range;
  }
};

/// What a manager does with an escalation that it holds (`on_escalation:`).
struct escalation_rule {
  milliseconds investigate{0};  ///< Time to hold it before `then`.
  escalation_policy then = escalation_policy::escalate;
};

struct agent {
  agent_path path;
  agent_role role = agent_role::worker;
  std::string title;               ///< A sentence for people (`about:`).
  std::string mode;                ///< Of the tasks it claims; its own name if not given.
  std::vector<std::string> nodes;  ///< In order of preference; never empty after loading.
  restart_type restart = restart_type::permanent;
  shutdown_time shutdown;
  failback_rule failback = failback_rule::idle;
  bool significant = false;
  std::optional<supervise> branch;  ///< Managers and the ceo: settings of their branch.
  run_spec run;
  std::int64_t instances = 0;  ///< While a file is read: the size of the pool that it describes; 0: it is no pool.
  std::int64_t concurrency = 1;
  milliseconds timeout{300'000};  ///< Of one run.
  retry_policy retry;
  std::vector<output_spec> outputs;
  std::vector<agent_path> needs;   ///< On a round (`up`'s first, `--once`) it runs after these.
  std::vector<std::string> brain;  ///< Keys of the brain that its runs are given.
  // Auditors.
  std::vector<agent_path> audits;
  milliseconds within{300'000};  ///< A verdict is due this long after an output is sealed.
  std::vector<check_spec> checks;
  sample_spec sample;  ///< Of the checks of rows that have none of their own, and of what its command is given.
  // Managers and the ceo.
  escalation_rule on_escalation;
};

struct node {
  std::string name;
  std::vector<node_role> roles;
  std::int64_t max_agents = 0;  ///< 0: no limit.
  [[nodiscard]] bool has(node_role r) const;
};

/// What happens to a fire that comes while an earlier one of its schedule is not over.
enum class overlap_policy : std::uint8_t {
  skip,          ///< It is left out, and the ledger says so.
  buffer_one,    ///< It waits; of those that wait only the latest stays.
  buffer_all,    ///< It waits; all that wait run one after the other.
  cancel_other,  ///< The earlier one is cancelled, then it runs.
  allow          ///< Both run.
};

/// What happens to the moments that passed while nobody could fire them (no leader).
enum class catch_up_policy : std::uint8_t {
  skip,  ///< None fires; the ledger has them as missed.
  once,  ///< The latest within the window fires; the ledger has the others as missed.
  all    ///< All within the window fire, oldest first.
};

/// `catch_up:`.
struct catch_up_rule {
  milliseconds window{86'400'000};  ///< How long after its moment a missed fire may still run.
  catch_up_policy policy = catch_up_policy::once;

  bool operator==(const catch_up_rule&) const = default;
};

struct schedule {
  std::string name;
  agent_path agent;
  std::string cron;        ///< 5 or 6 fields, @daily and the like, or @every D: see config/cron.hpp.
  std::string tz = "UTC";  ///< A name of the IANA database: see config/zone.hpp.
  agent_path watcher;
  milliseconds grace{120'000};  ///< Later than this after its moment, a fire is missed.
  std::int64_t priority = 2;
  json_text payload;
  overlap_policy overlap = overlap_policy::skip;
  catch_up_rule catch_up;
  milliseconds jitter{0};  ///< Most time that a fire comes after its moment; see `calendar::fire_at`.
  std::vector<std::chrono::year_month_day> exclude;  ///< Days of `tz` on which nothing is due.
  timestamp starts;                                  ///< Nothing is due before it. Empty: open.
  timestamp ends;                                    ///< Nothing is due at it or later. Empty: open.
};

/// The name of the schedule that the ceo's brief goes by; no other schedule may have it.
inline constexpr const char* brief_schedule = "brief";

/// When the ceo's brief is written (`brief:` of the ceo). The scheduler treats it as a schedule of its own, see
/// `company::schedule_of_brief`, which is not among `company::schedules`.
struct brief_rule {
  std::string cron;
  std::string tz = "UTC";
  agent_path watcher;
};

/// How much of a mode's work is done at once (`modes:`).
struct mode_rule {
  std::string name;
  std::int64_t concurrency = 0;  ///< By all agents of the mode together; 0: as many as they have slots.
  std::int64_t per_key = 1;      ///< Of its tasks with the same concurrency key.
};

struct fleet {
  milliseconds lease{5'000};       ///< A silent node or leader counts as lost after this.
  milliseconds run_lease{15'000};  ///< A run not reported as held for this long is queued again.
};

/// How long something is kept after it is over.
struct kept_time {
  bool forever = false;
  milliseconds time{0};  ///< Unless `forever`.

  bool operator==(const kept_time&) const = default;
};

/// What the database keeps of what is over (`retention:`). What is open, waited for, in review, pointed to by an open
/// escalation, or the origin of canonical rows is kept whatever is said here.
struct retention_rule {
  kept_time tasks{false, std::chrono::days{90}};
  kept_time runs{false, std::chrono::days{90}};  ///< At most as long as tasks.
  kept_time journal{false, std::chrono::days{30}};
  kept_time outputs{false, std::chrono::days{90}};  ///< With their rows, verdicts and promotions.
  kept_time events{false, std::chrono::days{30}};   ///< In the outbox.

  bool operator==(const retention_rule&) const = default;
};

/// When a channel keeps quiet: from one time of day to another, every day, in a time zone.
struct quiet_hours {
  std::int64_t from_minutes = 0;         ///< Since midnight, 0 to 1439.
  std::int64_t to_minutes = 0;           ///< Not the same; where it is earlier, of the next day.
  std::string tz = "UTC";                ///< A name of the IANA time zone database.
  severity unless = severity::critical;  ///< This and what is worse is sent all the same.
};

/// Where the outside world is told of what needs a person (`notify.channels.NAME`).
struct notify_channel {
  enum class kind { email, webhook, ntfy, slack };
  enum class encryption : std::uint8_t { automatic, required, never };

  std::string name;
  kind type = kind::email;
  severity level = severity::error;  ///< Escalations of this severity or worse are sent.
  bool briefs = false;               ///< Each brief, too.
  bool resolved = false;             ///< Also that what was sent is resolved.
  std::optional<quiet_hours> quiet;
  milliseconds digest{0};  ///< Gathers for so long what is not critical; 0: sends soon.
  retry_policy retry{12, {milliseconds{5'000}, milliseconds{600'000}, 2.0, 0.2}};
  std::string url;                         ///< Of the server; for webhook, ntfy and slack itself a secret.
  std::string secret;                      ///< The password, the webhook's key, or the token of ntfy; may be empty.
  std::vector<std::string> to;             ///< Of email.
  std::string from, user;                  ///< Of email.
  encryption tls = encryption::automatic;  ///< Of email.
  std::string ca;                          ///< PEM: who must have signed the server's certificate; empty: the system's.
};

/// The ping to a service outside, which raises the alarm when it stays away (`dead_man:`).
struct dead_man_rule {
  std::string url;  ///< http:// or https://; may hold a secret.
  milliseconds every{300'000};
  milliseconds timeout{10'000};  ///< Of one attempt.
  std::int64_t attempts = 3;     ///< So many in a row fail before it is a finding.
};

struct company {
  std::string name;
  std::string about;
  bool production = false;
  std::string file;    ///< Absolute path of the config file.
  std::string folder;  ///< Its folder: relative commands start here.
  std::vector<node> nodes;
  fleet timing;
  retention_rule retention;
  std::vector<agent> agents;     ///< In config order, each manager before its reports; the first is the ceo.
  std::vector<mode_rule> modes;  ///< Those that the config names; others have a default `mode_rule`.
  std::vector<schedule> schedules;
  std::optional<brief_rule> brief;
  std::vector<notify_channel> channels;  ///< `notify.channels`.
  std::vector<std::string> documents;  ///< Texts whose names of agents and schedules are checked; relative to `folder`.
  std::optional<dead_man_rule> dead_man;

  [[nodiscard]] const agent* find_agent(const agent_path& path) const;
  [[nodiscard]] const node* find_node(std::string_view name) const;
  /// Direct reports in config order.
  [[nodiscard]] std::vector<const agent*> reports_of(const agent_path& manager) const;
  /// Auditors whose `audits` names the worker.
  [[nodiscard]] std::vector<const agent*> auditors_of(const agent_path& worker) const;
  /// The brief's cron as a schedule of the ceo; nothing without `brief` or without agents. A brief that is not written
  /// before the next is due is given up for it (`overlap`).
  [[nodiscard]] std::optional<schedule> schedule_of_brief() const;
};

}  // namespace cadre::config

namespace cadre {

template <>
struct enum_names<config::overlap_policy> {
  using e = config::overlap_policy;
  static constexpr std::array<std::pair<e, std::string_view>, 5> value{{{e::skip, "skip"},
                                                                        {e::buffer_one, "buffer_one"},
                                                                        {e::buffer_all, "buffer_all"},
                                                                        {e::cancel_other, "cancel_other"},
                                                                        {e::allow, "allow"}}};
};

template <>
struct enum_names<config::catch_up_policy> {
  using e = config::catch_up_policy;
  static constexpr std::array<std::pair<e, std::string_view>, 3> value{
      {{e::skip, "skip"}, {e::once, "once"}, {e::all, "all"}}};
};

}  // namespace cadre

template <>
struct cadre::enum_names<cadre::config::notify_channel::kind> {
  using kind = cadre::config::notify_channel::kind;
  static constexpr std::array<std::pair<kind, std::string_view>, 4> value{
      {{kind::email, "email"}, {kind::webhook, "webhook"}, {kind::ntfy, "ntfy"}, {kind::slack, "slack"}}};
};

template <>
struct cadre::enum_names<cadre::config::notify_channel::encryption> {
  using encryption = cadre::config::notify_channel::encryption;
  static constexpr std::array<std::pair<encryption, std::string_view>, 3> value{
      {{encryption::automatic, "auto"}, {encryption::required, "required"}, {encryption::never, "never"}}};
};
