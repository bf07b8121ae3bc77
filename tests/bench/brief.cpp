// Writes the brief of a company with many agents and tasks, again and again, as the leader's brief writer does: reads
// the snapshot as cadre_reader, composes, renders, and keeps it with a command of the writer. Prints one line of JSON,
// in milliseconds. CADRE_TEST_POSTGRES: a superuser's URL.

#include "actors/brief/brief.hpp"

#include "bench/storage/world.hpp"
#include "storage/prepare.hpp"
#include "storage/read/queries.hpp"
#include "storage/read/reader.hpp"

#include <pqxx/pqxx>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace cadre::bench {

namespace {

/// The company's last three days: every agent with runs of which some fail, are tried again or wait; some hundreds of
/// escalations; hourly schedules; datasets that change. `:agents` and `:tasks` stand for their numbers.
constexpr const char* fill[] = {
    "INSERT INTO cadre.agent (company, path, role, mode, reports_to, state, position, nodes) SELECT 'bench', "
    "'ceo.team-' || i % 10 || '-' || i, 'worker', 'jobs', 'ceo', CASE WHEN i % 25 = 0 THEN 'quarantined' ELSE "
    "'running' END, 100 + i, '{one}' FROM generate_series(1, :agents - 5) i",
    // Ids that lie in time as those of version 7 do.
    "CREATE TABLE made AS SELECT i, t.at, overlay(md5('t' || i) placing lpad(to_hex((extract(epoch FROM t.at) * "
    "1000)::bigint), 12, '0') from 1 for 12)::uuid AS task, 'ceo.team-' || (1 + i % (:agents - 5)) % 10 || '-' || (1 + "
    "i % (:agents - 5)) AS agent, CASE WHEN i % 200 = 0 THEN 'review' WHEN i % 200 = 1 THEN 'blocked' WHEN i % 100 = 3 "
    "THEN 'failed' WHEN i > :tasks * 0.98 THEN 'queued' ELSE 'complete' END AS status FROM generate_series(1, :tasks) "
    "i, LATERAL (SELECT now() - interval '3 days' * (1 - i / (:tasks + 1.0)) AS at) t",
    "CREATE INDEX ON made (i)",
    "ANALYZE made",
    "INSERT INTO cadre.task (company, id, mode, agent, title, payload, status, attempt, attempts_max, blocked_reason, "
    "created_by, created_at, finished_at) SELECT 'bench', task, 'jobs', agent, 'bench', jsonb_build_object('number', "
    "i, 'text', repeat('x', 280)), status, 1, 3, CASE WHEN status = 'blocked' THEN 'audit_failed' END, 'cli', at, CASE "
    "WHEN status IN ('complete', 'failed') THEN at + interval '3 s' END FROM made ORDER BY i",
    "INSERT INTO cadre.run (company, id, task, attempt, agent, incarnation, node, node_life, status, lease_until, "
    "metrics, recommendations, error_code, error, started_at, ended_at) SELECT 'bench', overlay(md5('r' || i || '.' || "
    "n) placing left(replace(task::text, '-', ''), 12) from 1 for 12)::uuid, task, n, agent, 1, 'one', "
    "md5('one')::uuid, CASE WHEN bad THEN 'failed' ELSE 'succeeded' END, at, CASE WHEN NOT bad THEN "
    "jsonb_build_object('rows', i, 'seconds', i % 60, 'share', i / 3.0, 'state', 'ok', 'errors', 0, 'host', 'h' || i % "
    "7) END, CASE WHEN i % 50 = 0 THEN '[\"ask for a mirror\", \"drop it\"]'::jsonb END, CASE WHEN bad THEN "
    "'exit_code' END, CASE WHEN bad THEN 'exit code ' || i % 5 || ' after ' || i || ' lines of output' END, at + "
    "interval '1 s' * n, at + interval '2 s' * n FROM (SELECT m.*, n, n = 1 AND (status = 'failed' OR i % 40 = 7) AS "
    "bad FROM made m, generate_series(1, CASE WHEN i % 40 = 7 THEN 2 ELSE 1 END) n WHERE status <> 'queued') r ORDER "
    "BY i, n",
    "INSERT INTO cadre.escalation (company, id, origin, problem, fingerprint, severity, cause_code, cause, task, "
    "status, holder, in_inbox, due_at, count, raised_at, last_at, resolved_at) SELECT 'bench', md5('e' || i)::uuid, "
    "'ceo.team-' || (1 + i % (:agents - 5)) % 10 || '-' || (1 + i % (:agents - 5)), (ARRAY['run_failed', "
    "'audit_failed', 'audit_overdue', 'alert'])[1 + i % 4], 'f' || i, (ARRAY['info', 'warning', 'error', "
    "'critical'])[1 + i % 4], 'exit_code', repeat('it broke because of ' || i || ' ', 80), (SELECT task FROM made "
    "WHERE made.i = e.i), CASE WHEN i > 500 THEN 'resolved' ELSE 'open' END, 'ceo', i <= 400 OR i > 500, CASE WHEN i > "
    "400 AND i <= 500 THEN now() + interval '1 h' END, 1 + i % 9, now() - interval '1 min' * i, now() - interval '10 "
    "s' * i, CASE WHEN i > 500 THEN now() - interval '30 s' * i END FROM generate_series(1, 1500) AS e (i)",
    "INSERT INTO cadre.escalation_hop (company, id, escalation, hop, action, holder) SELECT 'bench', md5('h' || i || "
    "'.' || n)::uuid, md5('e' || i)::uuid, n, CASE n WHEN 1 THEN 'raised' WHEN 6 THEN 'moved' ELSE 'repeated' END, "
    "CASE n WHEN 6 THEN 'ceo' ELSE 'ceo.worker-1' END FROM generate_series(1, 1500) i, generate_series(1, 6) n",
    "INSERT INTO cadre.output (company, id, run, task, worker, dataset, mode, status, auditors, row_count, sealed_at) "
    "SELECT 'bench', md5('o' || i)::uuid, md5('r' || i)::uuid, task, agent, 'set-' || i % 125 / 5, 'replace', CASE "
    "WHEN status = 'review' THEN 'sealed' ELSE 'promoted' END, '{ceo.worker-0}', 10, at FROM made WHERE i % 25 = 0",
    "INSERT INTO cadre.promotion (company, output, worker, dataset, rows_before, rows_after, rows_added, rows_changed, "
    "rows_removed, at) SELECT 'bench', md5('o' || i)::uuid, agent, 'set-' || i % 125 / 5, i, i + 7, 10, i % 4, 3, at "
    "FROM made WHERE i % 25 = 0 AND status = 'complete'",
    "INSERT INTO cadre.audit_due (company, output, auditor, due_at) SELECT 'bench', md5('o' || i)::uuid, "
    "'ceo.worker-0', at + interval '5 min' FROM made WHERE i % 200 = 0",
    "INSERT INTO cadre.canonical (company, dataset, worker, key, row, output) SELECT 'bench', 'action', "
    "'ceo.worker-0', 'k' || i, jsonb_build_object('rank', i % 100, 'subject', 'package-' || i, 'score', i / 7.0, "
    "'why', repeat('security ', 20), 'do', 'apt install'), md5('o5')::uuid FROM generate_series(1, 1000) i",
    "INSERT INTO cadre.schedule (company, name, agent, cron, watcher) SELECT 'bench', 'schedule-' || i, "
    "'ceo.worker-1', '7 * * * *', 'ceo.worker-2' FROM generate_series(1, 50) i",
    // As the writer left it when the last of them ended.
    "UPDATE cadre.run_mark SET all_ended_before = cadre.first_id(now())",
    "UPDATE cadre.mode SET paused_at = now(), paused_by = 'cli', paused_reason = 'the bank is down'",
};

/// 50 schedules, hourly for a month; some skipped.
constexpr const char* fires =
    "INSERT INTO cadre.fire (company, schedule, due_at, kind, outcome, reason, fire_at, fired_at, effect_at, ended_at, "
    "task) SELECT 'bench', 'schedule-' || s, due, 'cron', CASE WHEN skipped THEN 'skipped' ELSE 'effect' END, CASE "
    "WHEN skipped THEN 'the previous fire still runs' ELSE '' END, due, CASE WHEN NOT skipped THEN due END, CASE WHEN "
    "NOT skipped THEN due + interval '5 s' END, due + interval '5 s', CASE WHEN NOT skipped THEN md5('f' || s || '.' "
    "|| h)::uuid END FROM (SELECT s, h, (s + h) % 12 = 0 AS skipped, date_trunc('hour', now()) - interval '1 hour' * h "
    "AS due FROM generate_series(1, 50) s, generate_series(0, 719) h) f";

void build(world& w, std::size_t agents, std::size_t tasks) {
  pqxx::connection server{w.superuser()};
  pqxx::nontransaction direct{server};
  direct.exec("SET session_replication_role = replica");  // Rows of long ago: without the triggers of now.
  for (std::string sql : fill) {
    for (const auto& [name, number] : {std::pair{":agents", agents}, std::pair{":tasks", tasks}})
      for (auto at = sql.find(name); at != std::string::npos; at = sql.find(name))
        sql.replace(at, std::string_view{name}.size(), std::to_string(number));
    direct.exec(sql);
  }
  direct.exec(fires);
  direct.exec("DROP TABLE made");
  direct.exec("VACUUM ANALYZE");
  direct.exec("CHECKPOINT");
}

using times = std::map<std::string, std::vector<double>>;

template <class Work>
auto timed(times& seen, const std::string& what, Work&& work) {
  const auto begin = clock::now();
  auto made = work();
  seen[what].push_back(seconds_since(begin));
  return made;
}

/// One brief: read, composed, rendered in both forms, kept.
void write_one(world& w, storage::reader& source, times& seen) {
  const auto begin = clock::now();
  const auto snapshot =
      timed(seen, "read", [&] { return must(source.snapshot(storage::queries::brief_parts("bench"))); });
  brief_add add;
  add.id = new_id<brief_id>();
  add.body.text = timed(seen, "compose", [&] { return must(brief::compose(snapshot)); });
  add.markdown = timed(seen, "render",
                       [&] { return brief::to_html(add.body.text).empty() ? "" : brief::to_markdown(add.body.text); });
  timed(seen, "keep", [&] {
    w.commit({world::make(add, "leader")});
    return 0;
  });
  seen["all"].push_back(seconds_since(begin));
}

/// Each brief that is measured has the same day to tell of.
void forget_the_newest(pqxx::nontransaction& direct) {
  direct.exec("DELETE FROM cadre.brief WHERE at > (SELECT min(at) FROM cadre.brief)");
}

void measure(std::size_t agents, std::size_t tasks, std::size_t rounds) {
  world w;
  build(w, agents, tasks);
  const auto source = must(storage::reader::open(w.reader()));
  pqxx::connection server{w.superuser()};
  pqxx::nontransaction direct{server};
  times first, seen;
  write_one(w, *source, first);
  direct.exec(
      "UPDATE cadre.brief SET at = at - interval '1 day', body = jsonb_set(body, '{kept,as_of_us}', to_jsonb((body #>> "
      "'{kept,as_of_us}')::bigint - 86400000000))");
  for (std::size_t n = 0; n < rounds; ++n) {
    write_one(w, *source, seen);
    forget_the_newest(direct);
  }
  times parts;
  for (std::size_t n = 0; n < std::min<std::size_t>(rounds, 20); ++n)
    for (const auto& [name, q] : storage::queries::brief_parts("bench"))
      timed(parts, name, [&] { return must(source->rows(q)); });
  std::string line = "{";
  const auto say = [&](const std::string& name, double us) {
    char number[40];
    std::snprintf(number, sizeof number, "%.4g", us / 1000);
    line += (line.size() > 1 ? ", \"" : "\"") + name + "\": " + number;
  };
  for (const auto& [what, all] : seen) {
    say(what + "_p50_ms", quantile_us(all, 0.5));
    say(what + "_p99_ms", quantile_us(all, 0.99));
  }
  say("first_ms", quantile_us(first["all"], 0.5));
  for (const auto& [name, all] : parts) say("part_" + name + "_ms", quantile_us(all, 0.5));
  std::cout << line << "}" << std::endl;
}

}  // namespace

}  // namespace cadre::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bench_brief AGENTS TASKS ROUNDS\n";
    return 2;
  }
  try {
    cadre::bench::measure(std::stoull(argv[1]), std::stoull(argv[2]), std::stoull(argv[3]));
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "bench_brief: " << e.what() << '\n';
    return 1;
  }
}
