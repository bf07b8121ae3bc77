-- Vacuum of the tables that change with every task. At PostgreSQL's pace (200 units of cost a millisecond) it takes
-- minutes for what half of the greatest rate leaves behind, and the longer it takes, the larger the table that the next one
-- walks over: measured in storage/MEASURED.md. Five times as many units end that; the pause between them stays, so that
-- the writer gets at the disk in between.
CREATE OR REPLACE FUNCTION cadre.partitioned() RETURNS TABLE (name text, key text, kind text, slack interval, storage text)
LANGUAGE sql IMMUTABLE AS $$ VALUES
  ('task', 'id', 'tasks', interval '0',
   'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, '
   'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, '
   'autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 1000'),
  ('run', 'task', 'runs', interval '0',
   'fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, '
   'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, '
   'autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_cost_limit = 1000'),
  ('journal', 'run', 'journal', interval '7 days',
   'autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05, '
   'autovacuum_analyze_scale_factor = 0.05')
$$;

DO $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN SELECT inhrelid::regclass FROM pg_inherits
                   WHERE inhparent IN ('cadre.task'::regclass, 'cadre.run'::regclass) LOOP
    EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_cost_limit = 1000)', partition);
  END LOOP;
END $$;
