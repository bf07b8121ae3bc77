-- Findings: defects of the company itself, each with an owner and a deadline; what looked for them, and when; the watchers'
-- signs of life; and the last line of defence, a function that asks whether data still flows.

-- A defect as it was found. `subject` is what is wrong (an agent, a schedule, a lane of tasks), `origin` the agent that it is
-- about, `owner` the one who is to mend it: the origin's manager, to whom its escalation goes first. It is cleared when it
-- is looked for and not found any more; found again after that, it is another row.
CREATE TABLE cadre.finding (
  company    text        NOT NULL,
  id         uuid        NOT NULL,
  kind       text        NOT NULL,
  subject    text        NOT NULL,
  origin     text        NOT NULL,
  owner      text        NOT NULL,
  what       text        NOT NULL,
  evidence   jsonb       NOT NULL DEFAULT 'null',
  first_seen timestamptz NOT NULL,
  last_seen  timestamptz NOT NULL,
  deadline   timestamptz NOT NULL,
  cleared_at timestamptz,
  escalation uuid,
  -- Whether `escalation` was raised for this finding alone, so that it is resolved with it; and how many were so far.
  own        boolean     NOT NULL DEFAULT false,
  raised     integer     NOT NULL DEFAULT 0,
  PRIMARY KEY (company, id),
  CHECK (last_seen >= first_seen)
);
CREATE UNIQUE INDEX one_open_finding ON cadre.finding (company, kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX finding_cleared ON cadre.finding (company, cleared_at) WHERE cleared_at IS NOT NULL;

-- When each kind was last looked for. A report that is older than this comes too late and changes nothing.
CREATE TABLE cadre.finding_look (
  company   text        NOT NULL,
  kind      text        NOT NULL,
  looked_at timestamptz NOT NULL,
  open      bigint      NOT NULL DEFAULT 0,
  PRIMARY KEY (company, kind)
);

-- A watcher's sign of life: when it last compared the ledger of a schedule with its calendar and the clock.
CREATE TABLE cadre.watch (
  company   text        NOT NULL,
  schedule  text        NOT NULL,
  watcher   text        NOT NULL,
  node      text        NOT NULL,
  looked_at timestamptz NOT NULL,
  PRIMARY KEY (company, schedule),
  FOREIGN KEY (company, schedule) REFERENCES cadre.schedule (company, name)
);
-- A few rows that change every few seconds.
ALTER TABLE cadre.watch SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE cadre.finding_look SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Who never gave a verdict is asked for by auditor. One row a verdict: not a step of a task.
CREATE INDEX verdict_by_auditor ON cadre.verdict (auditor, at DESC, company);

-- Since when the company has been up, as its reigns tell: gaps of up to ten minutes between two of them are no rest. A leader
-- that was killed is ended by its successor, however much later: it led as long as its lease.
CREATE FUNCTION cadre.up_since(of_company text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(r.since) FROM (
    SELECT l.since, lag(least(l.ended_at, l.lease_until)) OVER (ORDER BY l.epoch) AS before
    FROM (SELECT * FROM cadre.leader WHERE company = of_company ORDER BY epoch DESC LIMIT 1000) l) r
  WHERE r.before IS NULL OR r.since - r.before > interval '10 minutes'
$$;

-- Which pipelines have gone quiet against their own rhythm: nothing for longer than three times the median of their last 20
-- gaps, nor than a fifth more than the longest of them, nor than five minutes. A pipeline is a dataset of a worker, which
-- promotions show, or a schedule, which effects show. One with fewer than five gaps has no rhythm yet. Time that the company
-- was down is nobody's silence; and while nothing was due, a calendar is no silence either: a scheduled pipeline is quiet
-- only if two fires came due since it last flowed. Needs nothing but the database: `SELECT * FROM cadre.dataflow_silent()`.
CREATE FUNCTION cadre.dataflow_silent(at timestamptz DEFAULT clock_timestamp())
RETURNS TABLE (company text, pipeline text, agent text, last_at timestamptz, median_gap interval, silent_for interval,
               gaps bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE worker AS (
    SELECT a.company, a.path FROM cadre.agent a WHERE NOT a.retired AND a.paused_at IS NULL
  ), dataset AS (
    SELECT w.company, w.path, (SELECT min(p.dataset) FROM cadre.promotion p
                               WHERE p.worker = w.path AND p.company = w.company) AS name FROM worker w
    UNION ALL
    SELECT d.company, d.path, (SELECT min(p.dataset) FROM cadre.promotion p
                               WHERE p.worker = d.path AND p.company = d.company AND p.dataset > d.name)
    FROM dataset d WHERE d.name IS NOT NULL
  ), flow AS (
    SELECT d.company, d.path AS agent, d.name || ' of ' || d.path AS pipeline, p.at,
           (SELECT array_agg(s.name) FROM cadre.schedule s WHERE s.company = d.company AND s.agent = d.path
            AND NOT s.retired) AS schedules
    FROM dataset d CROSS JOIN LATERAL (SELECT p.at FROM cadre.promotion p WHERE p.company = d.company
      AND p.worker = d.path AND p.dataset = d.name ORDER BY p.at DESC LIMIT 21) p WHERE d.name IS NOT NULL
    UNION ALL
    SELECT s.company, s.agent, 'schedule ' || s.name, f.effect_at, ARRAY[s.name]
    FROM cadre.schedule s CROSS JOIN LATERAL (SELECT f.effect_at FROM cadre.fire f WHERE f.company = s.company
      AND f.schedule = s.name AND f.effect_at IS NOT NULL ORDER BY f.due_at DESC LIMIT 21) f
    WHERE NOT s.retired AND s.paused_at IS NULL
  ), gap AS (
    SELECT f.company, f.agent, f.pipeline, f.schedules, f.at AS moment,
           f.at - lag(f.at) OVER (PARTITION BY f.company, f.pipeline ORDER BY f.at) AS gap FROM flow f
  ), rhythm AS (
    SELECT g.company, g.agent, g.pipeline, g.schedules, max(g.moment) AS last_at, count(g.gap) AS gaps, max(g.gap) AS longest,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY g.gap) FILTER (WHERE g.gap IS NOT NULL) AS median
    FROM gap g GROUP BY 1, 2, 3, 4
  ), silence AS (
    SELECT r.*, $1 - greatest(r.last_at, cadre.up_since(r.company)) AS silent_for FROM rhythm r WHERE r.gaps >= 5
  )
  SELECT s.company, s.pipeline, s.agent, s.last_at, s.median, s.silent_for, s.gaps FROM silence s
  WHERE s.silent_for > greatest(3 * s.median, 1.2 * s.longest, interval '5 minutes')
    AND (s.schedules IS NULL OR (SELECT count(*) FROM cadre.fire f WHERE f.company = s.company
         AND f.schedule = ANY (s.schedules) AND f.due_at > s.last_at AND f.fire_at < $1
         AND f.outcome NOT IN ('skipped', 'cancelled')) >= 2)
$$;

-- Rights ---------------------------------------------------------------------------------------------------------

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['finding', 'finding_look', 'watch'] LOOP
    EXECUTE format('ALTER TABLE cadre.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY writer_all ON cadre.%I TO cadre_writer USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY reader_own ON cadre.%I FOR SELECT TO cadre_reader USING (company IN (SELECT cadre.readable_companies()))', t);
    EXECUTE format('REVOKE ALL ON cadre.%I FROM PUBLIC', t);
    EXECUTE format('GRANT SELECT ON cadre.%I TO cadre_reader, cadre_writer', t);
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON cadre.%I TO cadre_writer', t);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION cadre.up_since(text), cadre.dataflow_silent(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cadre.up_since(text), cadre.dataflow_silent(timestamptz) TO cadre_reader, cadre_writer;
