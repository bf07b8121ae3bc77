-- Two pipelines that dataflow_silent misjudged: rows that are only added and have their nights were called silent each night,
-- and one that flows more rarely than fires are kept was never called silent, since the first fire that was due since is always
-- a young one then.

-- Which pipelines have gone quiet against their own rhythm: nothing for longer than three times the median of their last 20
-- gaps, nor than a fifth more than the longest of them, nor than five minutes. A pipeline is a dataset of a worker, which
-- promotions show, or a schedule, which effects show. One with fewer than five gaps has no rhythm yet. Time that the company
-- was down is nobody's silence, and no gap. Nor is a calendar a silence while nothing is due: a scheduled pipeline is quiet
-- from when the first fire came due since it last flowed, and only if two did; from when it last flowed if the fires of then
-- are pruned. So nights and weekends need no allowance, and of ten gaps or more the longest but one counts. Without a calendar
-- nobody can tell a silence from a night, nor with one where rows are only added: of those a fire may bring none.
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
    SELECT d.company, d.path AS agent, d.name || ' of ' || d.path AS pipeline, p.at, p.each_fire,
           (SELECT array_agg(s.name) FROM cadre.schedule s WHERE s.company = d.company AND s.agent = d.path
            AND NOT s.retired) AS schedules
    FROM dataset d CROSS JOIN LATERAL (SELECT p.at, NOT EXISTS (SELECT 1 FROM cadre.output o WHERE o.id = p.output
      AND o.company = p.company AND o.mode = 'append') AS each_fire FROM cadre.promotion p WHERE p.company = d.company
      AND p.worker = d.path AND p.dataset = d.name ORDER BY p.at DESC LIMIT 21) p WHERE d.name IS NOT NULL
    UNION ALL
    SELECT s.company, s.agent, 'schedule ' || s.name, f.effect_at, true, ARRAY[s.name]
    FROM cadre.schedule s CROSS JOIN LATERAL (SELECT f.effect_at FROM cadre.fire f WHERE f.company = s.company
      AND f.schedule = s.name AND f.effect_at IS NOT NULL ORDER BY f.due_at DESC LIMIT 21) f
    WHERE NOT s.retired AND s.paused_at IS NULL
  ), down AS MATERIALIZED (
    SELECT f.company, d.began, d.ended FROM (SELECT DISTINCT flow.company FROM flow) f
    CROSS JOIN LATERAL cadre.down_times(f.company) d
  ), pair AS (
    SELECT f.company, f.agent, f.pipeline, f.schedules, f.each_fire, f.at AS moment,
           lag(f.at) OVER (PARTITION BY f.company, f.pipeline ORDER BY f.at) AS before FROM flow f
  ), gap AS (
    SELECT p.*, CASE WHEN NOT EXISTS (SELECT 1 FROM down d WHERE d.company = p.company AND d.ended > p.before
                                      AND coalesce(d.began, '-infinity') < p.moment) THEN p.moment - p.before END AS gap
    FROM pair p
  ), rhythm AS (
    SELECT g.company, g.agent, g.pipeline, g.schedules, max(g.moment) AS last_at, count(g.gap) AS gaps,
           (array_agg(g.gap ORDER BY g.gap DESC) FILTER (WHERE g.gap IS NOT NULL))
             [CASE WHEN count(g.gap) >= 10 AND g.schedules IS NOT NULL AND bool_and(g.each_fire) THEN 2 ELSE 1 END] AS longest,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY g.gap) FILTER (WHERE g.gap IS NOT NULL) AS median
    FROM gap g GROUP BY 1, 2, 3, 4
  ), silence AS (
    SELECT r.*, due.fires, $1 - greatest(r.last_at, (SELECT max(d.ended) FROM down d WHERE d.company = r.company),
             CASE WHEN EXISTS (SELECT 1 FROM cadre.fire f WHERE f.company = r.company
                               AND f.schedule = ANY (r.schedules) AND f.due_at <= r.last_at) THEN due.first_at END)
             AS silent_for
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

DROP FUNCTION cadre.up_since(text);
