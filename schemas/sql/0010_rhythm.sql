-- What a silence leaves behind in the rhythm of a pipeline. Where there is a calendar, one gap that was longer than all others,
-- a silence that was mended or a holiday, makes nobody deaf to the next one; and nowhere is one in which the company was down.

-- When the company was down, as its reigns tell: gaps of up to ten minutes between two of them are no rest. A leader that was
-- killed is ended by its successor, however much later: it led as long as its lease. `began` is null for the time before the
-- first reign that is known.
CREATE FUNCTION cadre.down_times(of_company text) RETURNS TABLE (began timestamptz, ended timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.before, r.since FROM (
    SELECT l.since, lag(least(l.ended_at, l.lease_until)) OVER (ORDER BY l.epoch) AS before
    FROM (SELECT * FROM cadre.leader WHERE company = of_company ORDER BY epoch DESC LIMIT 1000) l) r
  WHERE r.before IS NULL OR r.since - r.before > interval '10 minutes'
$$;

-- Since when the company has been up.
CREATE OR REPLACE FUNCTION cadre.up_since(of_company text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(d.ended) FROM cadre.down_times(of_company) d
$$;

-- Which pipelines have gone quiet against their own rhythm: nothing for longer than three times the median of their last 20
-- gaps, nor than a fifth more than the longest of them, nor than five minutes. A pipeline is a dataset of a worker, which
-- promotions show, or a schedule, which effects show. One with fewer than five gaps has no rhythm yet. Time that the company
-- was down is nobody's silence, and no gap. Nor is a calendar a silence while nothing is due: a scheduled pipeline is quiet
-- from when the first fire came due since it last flowed, and only if two did. So nights and weekends need no allowance, and
-- of ten gaps or more the longest but one counts. Without a calendar nobody can tell a silence from a night.
-- Needs nothing but the database: `SELECT * FROM cadre.dataflow_silent()`.
CREATE OR REPLACE FUNCTION cadre.dataflow_silent(at timestamptz DEFAULT clock_timestamp())
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
  ), down AS MATERIALIZED (
    SELECT f.company, d.began, d.ended FROM (SELECT DISTINCT flow.company FROM flow) f
    CROSS JOIN LATERAL cadre.down_times(f.company) d
  ), pair AS (
    SELECT f.company, f.agent, f.pipeline, f.schedules, f.at AS moment,
           lag(f.at) OVER (PARTITION BY f.company, f.pipeline ORDER BY f.at) AS before FROM flow f
  ), gap AS (
    SELECT p.*, CASE WHEN NOT EXISTS (SELECT 1 FROM down d WHERE d.company = p.company AND d.ended > p.before
                                      AND coalesce(d.began, '-infinity') < p.moment) THEN p.moment - p.before END AS gap
    FROM pair p
  ), rhythm AS (
    SELECT g.company, g.agent, g.pipeline, g.schedules, max(g.moment) AS last_at, count(g.gap) AS gaps,
           (array_agg(g.gap ORDER BY g.gap DESC) FILTER (WHERE g.gap IS NOT NULL))
             [CASE WHEN count(g.gap) >= 10 AND g.schedules IS NOT NULL THEN 2 ELSE 1 END] AS longest,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY g.gap) FILTER (WHERE g.gap IS NOT NULL) AS median
    FROM gap g GROUP BY 1, 2, 3, 4
  ), silence AS (
    SELECT r.*, due.fires, $1 - greatest(r.last_at, cadre.up_since(r.company), due.first_at) AS silent_for
    FROM rhythm r CROSS JOIN LATERAL (
      SELECT count(*) AS fires, min(f.fire_at) AS first_at FROM cadre.fire f WHERE f.company = r.company
      AND f.schedule = ANY (r.schedules) AND f.due_at > r.last_at AND f.fire_at < $1
      AND f.outcome NOT IN ('skipped', 'cancelled')) due
    WHERE r.gaps >= 5
  )
  SELECT s.company, s.pipeline, s.agent, s.last_at, s.median, s.silent_for, s.gaps FROM silence s
  WHERE s.silent_for > greatest(3 * s.median, 1.2 * s.longest, interval '5 minutes')
    AND (s.schedules IS NULL OR s.fires >= 2)
$$;

REVOKE ALL ON FUNCTION cadre.down_times(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cadre.down_times(text) TO cadre_reader, cadre_writer;
