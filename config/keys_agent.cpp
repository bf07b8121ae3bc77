#include "config/key_bounds.hpp"
#include "config/keys.hpp"

#include <array>

// Of an agent, and of the defaults of agents.
namespace cadre::config {
namespace {

/// The same key where `defaults` speaks if the agent does not.
constexpr key inherit(key k, role_set roles = every_role) {
  k.inherited = true;
  k.roles = roles;
  return k;
}

constexpr key supervise_key{.name = "supervise",
                            .type = shape::mapping,
                            .inner = &supervise_keys,
                            .doc = "Restart settings of a branch, as in OTP."};
constexpr key restart_key{.name = "restart",
                          .type = shape::choice,
                          .fallback = "permanent",
                          .allowed = "permanent|transient|temporary",
                          .doc = "permanent: always; transient: unless it ended normally; temporary: never."};
constexpr key failback_key{.name = "failback",
                           .type = shape::choice,
                           .fallback = "idle",
                           .allowed = "never|idle",
                           .doc = "Whether it moves back, once idle, when a node that it prefers is there again."};
constexpr key shutdown_key{.name = "shutdown",
                           .type = shape::shutdown,
                           .fallback = "10s",
                           .min = 1,
                           .max = hour,
                           .doc = "Time to stop before it is killed; or brutal_kill (none) or infinity."};
constexpr key concurrency_key{.name = "concurrency",
                              .type = shape::integer,
                              .fallback = "1",
                              .min = 1,
                              .max = 1'000,
                              .doc = "Most runs of the agent at a time."};
constexpr key timeout_key{.name = "timeout",
                          .type = shape::duration,
                          .fallback = "5m",
                          .min = 10,
                          .max = 7 * day,
                          .doc = "A run that takes longer is killed with its process group."};
constexpr key retry_key{
    .name = "retry", .type = shape::mapping, .inner = &retry_keys, .doc = "What happens after a failed run."};
constexpr key on_escalation_key{.name = "on_escalation",
                                .type = shape::mapping,
                                .inner = &escalation_keys,
                                .doc = "What a manager does with an escalation that it holds."};

constexpr std::array defaults_table{supervise_key,   restart_key, shutdown_key, failback_key,
                                    concurrency_key, timeout_key, retry_key,    on_escalation_key};

constexpr key factor_key{.name = "factor",
                         .type = shape::number,
                         .fallback = "2",
                         .min = 1,
                         .max = 100,
                         .doc = "Each wait is this many times the one before."};
constexpr key jitter_key{.name = "jitter",
                         .type = shape::number,
                         .fallback = "0.2",
                         .max = 1,
                         .doc = "Share of itself by which a wait varies, so that many do not wake at once."};

constexpr std::array restart_backoff_table{
    key{.name = "initial", .type = shape::duration, .fallback = "200ms", .max = hour, .doc = "The first wait."},
    key{.name = "max", .type = shape::duration, .fallback = "30s", .max = day, .doc = "No wait is longer."}, factor_key,
    jitter_key};

constexpr std::array retry_backoff_table{
    key{.name = "initial", .type = shape::duration, .fallback = "1s", .max = hour, .doc = "The first wait."},
    key{.name = "max", .type = shape::duration, .fallback = "5m", .max = day, .doc = "No wait is longer."}, factor_key,
    jitter_key};

constexpr std::array supervise_table{
    key{.name = "strategy",
        .type = shape::choice,
        .fallback = "one_for_one",
        .allowed = "one_for_one|one_for_all|rest_for_one|dynamic",
        .doc = "Whom a failure restarts: the failed child, all children, or it and those after it. dynamic: the failed "
               "child, of a pool of equal workers."},
    key{.name = "intensity",
        .type = shape::integer,
        .fallback = "3",
        .max = 1'000,
        .doc = "Restarts allowed within the period; one more and the branch gives up. 0: the first failure gives up."},
    key{.name = "period",
        .type = shape::duration,
        .fallback = "60s",
        .min = 1,
        .max = day,
        .doc = "The time over which restarts are counted."},
    key{.name = "auto_shutdown",
        .type = shape::choice,
        .fallback = "never",
        .allowed = "never|any_significant|all_significant",
        .doc = "Whether the branch stops by itself once any or all of its significant children ended."},
    key{.name = "backoff",
        .type = shape::mapping,
        .inner = &restart_backoff_keys,
        .doc = "The wait before a restart."}};

constexpr std::array retry_table{key{.name = "attempts",
                                     .type = shape::integer,
                                     .fallback = "3",
                                     .min = 1,
                                     .max = 100,
                                     .doc = "Runs of a task in all, the first included; then it fails and escalates."},
                                 key{.name = "backoff",
                                     .type = shape::mapping,
                                     .inner = &retry_backoff_keys,
                                     .doc = "The wait before the next run."}};

constexpr std::array escalation_table{
    key{.name = "investigate",
        .type = shape::duration,
        .fallback = "0s",
        .max = 30 * day,
        .doc = "Time it is held before `then`; a manager with a `run:` has his program look into it."},
    key{.name = "then",
        .type = shape::choice,
        .fallback = "escalate",
        .allowed = "escalate|resolve|retry",
        .doc = "Pass it up, close it, or run the failed task again."}};

constexpr std::array agent_table{
    key{.name = "role",
        .type = shape::choice,
        .required = true,
        .allowed = "ceo|manager|worker|auditor",
        .doc = "ceo and manager have reports, a worker does the work, an auditor decides whether it is good."},
    key{.name = "about", .doc = "A sentence for people: the agent's title."},
    key{.name = "mode", .type = shape::token, .doc = "The mode of the tasks it claims; its own name if not given."},
    key{.name = "node",
        .type = shape::node_list,
        .min = 1,
        .max = 100,
        .doc = "A node or a list of them in order of preference; if not given, every node with the role work, or "
               "every node if none has it."},
    inherit(restart_key),
    inherit(shutdown_key),
    inherit(failback_key),
    key{.name = "significant",
        .type = shape::boolean,
        .fallback = "false",
        .doc = "Its end counts for the auto_shutdown of its manager's branch; not with restart permanent."},
    inherit(supervise_key, managers),
    key{.name = "run",
        .type = shape::mapping,
        .inner = &run_keys,
        .doc = "What it runs; required of a worker. An auditor that gives only checks runs those."},
    key{.name = "instances",
        .type = shape::integer,
        .roles = only(agent_role::worker),
        .min = 1,
        .max = 1'000,
        .doc = "Makes a pool of this many equal workers, NAME-1, NAME-2 and so on, which share its mode; if not given, "
               "one worker of its own name."},
    inherit(concurrency_key),
    inherit(timeout_key),
    inherit(retry_key),
    key{.name = "outputs",
        .type = shape::mapping_of,
        .roles = only(agent_role::worker) | only(agent_role::manager),
        .inner = &output_keys,
        .doc = "The datasets that it may write, by name; each needs an auditor."},
    key{.name = "needs", .type = shape::path_list, .max = 100, .doc = "On a round it runs after these agents."},
    key{.name = "brain", .type = shape::text_list, .max = 100, .doc = "Keys of the brain that its runs are given."},
    key{.name = "audits",
        .type = shape::path_list,
        .roles = only(agent_role::auditor),
        .min = 1,
        .max = 1'000,
        .doc = "The workers whose outputs it decides about; required of an auditor."},
    key{.name = "within",
        .type = shape::duration,
        .roles = only(agent_role::auditor),
        .fallback = "5m",
        .min = 10,
        .max = 30 * day,
        .doc = "Its verdict is due this long after an output is sealed."},
    key{.name = "checks",
        .type = shape::list_of,
        .roles = only(agent_role::auditor),
        .max = 200,
        .inner = &check_keys,
        .doc = "What every output must satisfy."},
    key{.name = "sample",
        .type = shape::mapping,
        .roles = only(agent_role::auditor),
        .inner = &sample_keys,
        .doc = "Its checks of rows and its command look at some of the rows only; at all of them if not given."},
    inherit(on_escalation_key, managers),
    key{.name = "brief",
        .type = shape::mapping,
        .roles = only(agent_role::ceo),
        .inner = &brief_keys,
        .doc = "When the one-page brief is written."},
    key{.name = "reports",
        .type = shape::mapping_of,
        .roles = managers,
        .inner = &agent_keys,
        .doc = "Who reports to it, by name; they start in this order and stop in reverse."}};

constexpr std::array run_table{
    key{.name = "command",
        .type = shape::argv,
        .min = 1,
        .max = 256,
        .doc = "A program and its arguments. With a slash it is relative to this file's folder; else found in PATH."},
    key{.name = "check",
        .type = shape::boolean,
        .roles = only(agent_role::auditor),
        .allowed = "true",
        .doc = "True: the declared checks are all there is to run. Instead of command."},
    key{.name = "env",
        .type = shape::text_map,
        .max = 100,
        .doc = "Environment variables; names that begin with CADRE_ are Cadre's own."},
    key{.name = "output_bytes_max",
        .type = shape::bytes,
        .fallback = "16MiB",
        .min = kib,
        .max = gib,
        .doc = "Most bytes on stdout per run."},
    key{.name = "line_bytes_max",
        .type = shape::bytes,
        .fallback = "512KiB",
        .min = kib,
        .max = mib,
        .doc = "Most bytes of one line on stdout."},
    key{.name = "memory_bytes_max",
        .type = shape::bytes,
        .fallback = "0",
        .max = 1'024 * gib,
        .doc = "Address space of the process, at least 1MiB; 0: unlimited."},
    key{.name = "open_files_max",
        .type = shape::integer,
        .fallback = "256",
        .min = 16,
        .max = 1'048'576,
        .doc = "Most open files of the process."},
    key{.name = "model", .supported = false},
    key{.name = "http", .supported = false},
    key{.name = "bus",
        .type = shape::mapping,
        .inner = &bus_keys,
        .doc = "Programs that attach over NATS take its tasks; may be empty: {}. Instead of command; not of an "
               "auditor."},
    key{.name = "builtin", .supported = false}};

constexpr std::array bus_table{
    key{.name = "heartbeat",
        .type = shape::duration,
        .fallback = "5s",
        .min = 100,
        .max = 60'000,
        .doc = "How often a program says that it lives; after three of these in silence its runs are given to others."},
    key{.name = "programs_max",
        .type = shape::integer,
        .fallback = "16",
        .min = 1,
        .max = 1'000,
        .doc = "Most programs attached at a time; one more is told busy."}};

constexpr std::array output_table{
    key{.name = "key",
        .type = shape::text_list,
        .max = 16,
        .doc = "The columns that identify a row; required unless the mode is append."},
    key{.name = "mode",
        .type = shape::choice,
        .fallback = "replace",
        .allowed = "replace|upsert|append",
        .doc =
            "replace: rows it lacks disappear; upsert: rows with the same key are replaced; append: rows are added."}};

}  // namespace

constinit const mapping defaults_keys{"defaults", defaults_table};
constinit const mapping restart_backoff_keys{"restart_backoff", restart_backoff_table};
constinit const mapping retry_backoff_keys{"retry_backoff", retry_backoff_table};
constinit const mapping supervise_keys{"supervise", supervise_table};
constinit const mapping retry_keys{"retry", retry_table};
constinit const mapping escalation_keys{"on_escalation", escalation_table};
constinit const mapping agent_keys{"agent", agent_table};
constinit const mapping run_keys{"run", run_table};
constinit const mapping bus_keys{"bus", bus_table};
constinit const mapping output_keys{"output", output_table};

}  // namespace cadre::config
