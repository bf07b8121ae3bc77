-- Retention: partitions by month, made ahead and dropped as a whole; what each company keeps; what was pruned.
-- The writer owns no table, so it makes and drops partitions through functions that run as the owner of the schema.

-- What each company keeps, as its config says: its writer keeps this in line. `keep` null: for ever.
CREATE TABLE cadre.retention (
  company text     NOT NULL,
  kind    text     NOT NULL CHECK (kind IN ('tasks', 'runs', 'journal', 'outputs', 'events')),
  keep    interval CHECK (keep > interval '0'),
  PRIMARY KEY (company, kind)
);

-- What was pruned, by table and day: with it, counts of what was ever there can be explained. `until`: nothing younger
-- than this went.
CREATE TABLE cadre.pruned (
  company    text        NOT NULL,
  "table"    text        NOT NULL,
  day        date        NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')::date,
  rows       bigint      NOT NULL,
  partitions bigint      NOT NULL DEFAULT 0,
  exact      boolean     NOT NULL DEFAULT true,  -- false: the rows of a large partition are an estimate of Postgres'
  until      timestamptz NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, "table", day)
);

-- With task_ready and active_run, these find everything in an old partition that must stay, without reading it: tasks that
-- wait for somebody, and those that ended more than a day after their id was made. Few tasks are ever in them.
CREATE INDEX task_waiting ON cadre.task (waits, company) WHERE waits IS NOT NULL;
CREATE INDEX task_slow ON cadre.task (id, company) WHERE slow IS NOT NULL;

-- Partitions -----------------------------------------------------------------------------------------------------

-- The tables that have a partition for each month, the column that holds the id, the retention that they go by, and for
-- how long after its id was made a row may still be written. To partition another one by a UUID: a line here.
--
-- Vacuum, of the defaults of one row in five: of a month's rows that is millions, and the index of the backlog, which
-- tasks that wait enter and leave, is read at its dead end. So early and often, when it is cheap. A row of a task changes
-- once or twice and then never again, and a run's lease, progress and end are in no index: with room in the page, a step
-- costs no index.
-- Lines of the journal are only added: they are frozen as they come, not by a scan of all of them one day.
CREATE FUNCTION cadre.partitioned() RETURNS TABLE (name text, key text, kind text, slack interval, storage text)
LANGUAGE sql IMMUTABLE AS $$ VALUES
  ('task', 'id', 'tasks', interval '0',
   'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, '
   'autovacuum_analyze_scale_factor = 0.02, '
   'autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1'),
  ('run', 'task', 'runs', interval '0',
   'fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, '
   'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, '
   'autovacuum_vacuum_cost_delay = 1'),
  ('journal', 'run', 'journal', interval '7 days',
   'autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05, '
   'autovacuum_analyze_scale_factor = 0.05')
$$;

-- No rights on a partition are granted to anybody: rows are reached through the table, whose policies say whose they are.
-- Row level security is on all the same, and without a policy it lets nobody through, should a right be granted one day.
CREATE FUNCTION cadre.make_partition(of_table text, suffix text, bounds text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
BEGIN
  SELECT * INTO STRICT p FROM cadre.partitioned() WHERE name = of_table;
  EXECUTE format('CREATE TABLE cadre.%I PARTITION OF cadre.%I %s WITH (%s)', of_table || '_' || suffix, of_table, bounds,
                 p.storage);
  EXECUTE format('ALTER TABLE cadre.%I ENABLE ROW LEVEL SECURITY', of_table || '_' || suffix);
END $$;

CREATE FUNCTION cadre.make_month(of_table text, month date) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT cadre.make_partition(of_table, to_char(month, 'YYYY_MM'), format('FOR VALUES FROM (%L) TO (%L)',
    cadre.first_id(date_trunc('month', month::timestamp) AT TIME ZONE 'UTC'),
    cadre.first_id((date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC')))
$$;

-- Partitions of this month and of so many after it, where they are missing; the names of those that were made. If rows of
-- a month came before its partition (a sender whose clock is wrong), they and it stay in the default partition.
CREATE FUNCTION cadre.make_months(ahead integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  month date;
BEGIN
  IF ahead NOT BETWEEN 0 AND 12 THEN
    RAISE EXCEPTION 'months ahead: 0 to 12' USING ERRCODE = 'check_violation';
  END IF;
  FOR p IN SELECT name FROM cadre.partitioned() LOOP
    FOR i IN 0..ahead LOOP
      month := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => i);
      CONTINUE WHEN to_regclass(format('cadre.%I', p.name || '_' || to_char(month, 'YYYY_MM'))) IS NOT NULL;
      BEGIN
        PERFORM cadre.make_month(p.name, month);
        RETURN NEXT p.name || '_' || to_char(month, 'YYYY_MM');
      EXCEPTION WHEN check_violation THEN
        NULL;
      END;
    END LOOP;
  END LOOP;
END $$;

-- The partitions by month of one table, oldest first.
CREATE FUNCTION cadre.months(of_table text) RETURNS TABLE (partition text, begins timestamptz, ends timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.relname::text, to_date(right(c.relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC',
         (to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'UTC'
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = format('cadre.%I', of_table)::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
  ORDER BY 1
$$;

-- Which tasks with ids from..upto (not itself) must stay with their runs, whatever their age, and at most 1,001 of them:
-- those that are not over or were not before `over_since`; those that somebody waits for; those with outputs in review;
-- those that open escalations point to. By indexes of the few that are so: nothing here reads a partition.
CREATE FUNCTION cadre.tasks_to_keep(first uuid, upto uuid, over_since timestamptz) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
  SELECT coalesce(array_agg(id), '{}') FROM (SELECT DISTINCT id FROM (
    (SELECT id FROM cadre.task WHERE lane IS NOT NULL AND id >= first AND id < upto LIMIT 1001)
    UNION ALL (SELECT waits FROM cadre.task WHERE waits >= first AND waits < upto AND id >= first AND id < upto
               LIMIT 1001)
    UNION ALL (SELECT task FROM cadre.active_run WHERE task >= first AND task < upto LIMIT 1001)
    UNION ALL (SELECT id FROM cadre.task WHERE slow >= over_since AND id >= first AND id < upto LIMIT 1001)
    UNION ALL (SELECT depends_on FROM cadre.task_dependency WHERE depends_on >= first AND depends_on < upto LIMIT 1001)
    UNION ALL (SELECT task FROM cadre.output WHERE status = 'sealed' AND auditors <> '{}'
               AND task >= first AND task < upto LIMIT 1001)
    UNION ALL (SELECT task FROM cadre.escalation WHERE status <> 'resolved' AND task >= first AND task < upto LIMIT 1001)
  ) k LIMIT 1001) few
$$;

-- How long rows of a kind are kept by the company that keeps them longest; null: for ever, or some company did not say.
CREATE FUNCTION cadre.longest_kept(of_kind text) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN count(*) = count(r.keep) THEN max(r.keep) END
  FROM cadre.fence f LEFT JOIN cadre.retention r ON r.company = f.company AND r.kind = of_kind
$$;

-- Drops the oldest partition of which every row is past its time for every company, and says which; no row: there is none.
-- Up to 1,000 rows of tasks that must stay do not hold up the rest: they and their runs go into the default partition.
-- The statement waits for locks as long as lock_timeout says, and nothing can write or read the table while it runs; what
-- it does then takes as long for a large partition as for a small one, but for the count: of over 8,192 pages Postgres'
-- estimate is recorded.
CREATE FUNCTION cadre.drop_finished_month(of_company text) RETURNS TABLE (dropped text, pruned_rows bigint, moved bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  m record;
  kept uuid[];
  over_since timestamptz;
  written text;
  small boolean;
BEGIN
  FOR p IN SELECT * FROM cadre.partitioned() LOOP
    over_since := clock_timestamp() - cadre.longest_kept(p.kind);
    FOR m IN SELECT * FROM cadre.months(p.name) WHERE ends + p.slack <= over_since LOOP
      FOR step IN 1..2 LOOP  -- A look without locks; then again while nobody can change anything.
        IF step = 2 THEN
          EXECUTE format('LOCK TABLE ONLY cadre.%I, cadre.%I IN ACCESS EXCLUSIVE MODE', p.name, m.partition);
        END IF;
        IF p.name = 'journal' THEN
          SELECT coalesce(array_agg(id), '{}') INTO kept FROM (SELECT id FROM cadre.active_run
            WHERE id >= cadre.first_id(m.begins) AND id < cadre.first_id(m.ends) LIMIT 1001) few;
        ELSE
          kept := cadre.tasks_to_keep(cadre.first_id(m.begins), cadre.first_id(m.ends), over_since);
        END IF;
        EXIT WHEN cardinality(kept) > 1000;
      END LOOP;
      CONTINUE WHEN cardinality(kept) > 1000;  -- What may go, goes row by row.

      dropped := m.partition;
      SELECT relpages <= 8192, greatest(reltuples, 0)::bigint INTO small, pruned_rows FROM pg_class
        WHERE oid = format('cadre.%I', m.partition)::regclass;
      EXECUTE format('ALTER TABLE cadre.%I DETACH PARTITION cadre.%I', p.name, m.partition);
      moved := 0;
      IF cardinality(kept) > 0 THEN
        SELECT string_agg(quote_ident(attname), ', ') INTO written FROM pg_attribute
          WHERE attrelid = format('cadre.%I', p.name)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
        EXECUTE format('WITH back AS (DELETE FROM cadre.%I WHERE %I = ANY ($1) RETURNING %s) '
                       'INSERT INTO cadre.%I (%s) SELECT * FROM back', m.partition, p.key, written, p.name, written)
          USING kept;
        GET DIAGNOSTICS moved = ROW_COUNT;
      END IF;
      IF small THEN
        EXECUTE format('INSERT INTO cadre.pruned AS b (company, "table", rows, until) SELECT company, %L, count(*), %L '
                       'FROM cadre.%I GROUP BY company ON CONFLICT (company, "table", day) DO UPDATE SET '
                       'rows = b.rows + excluded.rows, until = greatest(b.until, excluded.until), at = clock_timestamp()',
                       p.name, m.ends, m.partition);
        EXECUTE format('SELECT count(*) FROM cadre.%I', m.partition) INTO pruned_rows;
      END IF;
      INSERT INTO cadre.pruned AS b (company, "table", rows, partitions, exact, until)
        VALUES (of_company, p.name, CASE WHEN small THEN 0 ELSE pruned_rows END, 1, small, m.ends)
        ON CONFLICT (company, "table", day) DO UPDATE SET rows = b.rows + excluded.rows,
          partitions = b.partitions + 1, exact = b.exact AND excluded.exact, until = greatest(b.until, excluded.until),
          at = clock_timestamp();
      EXECUTE format('DROP TABLE cadre.%I', m.partition);
      RETURN NEXT;
      RETURN;
    END LOOP;
  END LOOP;
END $$;

-- Tables that are not partitioned --------------------------------------------------------------------------------

-- One row each, written every few hundred ms or few seconds, and read by every standby: room for the next version in the
-- same page, and vacuumed before it has grown.
ALTER TABLE cadre.leader SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE cadre.node SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
-- Large, and pruned row by row: what one step deletes is free for the rows of the next hour.
ALTER TABLE cadre.output SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE cadre.output_row SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE cadre.task_key SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE cadre.task_dependency SET (autovacuum_vacuum_scale_factor = 0.05);

-- Rights ---------------------------------------------------------------------------------------------------------

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['retention', 'pruned'] LOOP
    EXECUTE format('ALTER TABLE cadre.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY writer_all ON cadre.%I TO cadre_writer USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY reader_own ON cadre.%I FOR SELECT TO cadre_reader USING (company IN (SELECT cadre.readable_companies()))', t);
    EXECUTE format('REVOKE ALL ON cadre.%I FROM PUBLIC', t);
    EXECUTE format('GRANT SELECT ON cadre.%I TO cadre_reader, cadre_writer', t);
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON cadre.%I TO cadre_writer', t);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION cadre.first_id(timestamptz), cadre.id_time(uuid), cadre.partitioned(),
  cadre.make_partition(text, text, text), cadre.make_month(text, date), cadre.make_months(integer), cadre.months(text),
  cadre.tasks_to_keep(uuid, uuid, timestamptz), cadre.longest_kept(text), cadre.drop_finished_month(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cadre.first_id(timestamptz), cadre.id_time(uuid), cadre.partitioned(), cadre.months(text)
  TO cadre_reader, cadre_writer;
GRANT EXECUTE ON FUNCTION cadre.make_months(integer), cadre.drop_finished_month(text) TO cadre_writer;

-- The first partitions. Ids that are no time (versions 4 and 5) are nearly all from 02000000 on, where times get in 2039:
-- a partition of their own keeps the default one small, which is searched whenever a month is made.
DO $$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT name FROM cadre.partitioned() LOOP
    PERFORM cadre.make_partition(p.name, 'other',
      'FOR VALUES FROM (''02000000-0000-0000-0000-000000000000'') TO (MAXVALUE)');
    PERFORM cadre.make_partition(p.name, 'default', 'DEFAULT');
  END LOOP;
  PERFORM cadre.make_months(2);
END $$;
