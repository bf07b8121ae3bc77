-- Audits: what a verdict says of how it was found, the statistics of outputs that the next ones are compared with, and
-- the ways round an audit that are closed here, whoever holds the pen. A row becomes canonical only in the transaction of
-- a promotion of the output that it came from, as it was staged there; a promotion needs an output that is in review and
-- as it was sealed, with a passing verdict of each auditor that was named then; a verdict comes from the living
-- incarnation of such an auditor, and is never changed. Safe while the version before runs: what it leaves out is filled in.

-- What a verdict says ---------------------------------------------------------------------------------------------

ALTER TABLE cadre.verdict
  ADD COLUMN incarnation  bigint,                       -- the life of the auditor that decided; null: decided before this
  ADD COLUMN rows_total   bigint,                       -- of the output
  ADD COLUMN rows_checked bigint,                       -- the fewest that any check or the auditor's command looked at
  ADD COLUMN notes        text[] NOT NULL DEFAULT '{}', -- what is no finding: samples, checks without history
  ADD CONSTRAINT verdict_rows CHECK (rows_checked >= 0 AND rows_checked <= rows_total);

-- One row an output, from the first verdict about it: what later outputs of the worker are compared with.
CREATE TABLE cadre.output_stats (
  company text        NOT NULL,
  output  uuid        NOT NULL,
  worker  text        NOT NULL,
  dataset text        NOT NULL,
  rows    bigint      NOT NULL CHECK (rows >= 0),
  columns jsonb       NOT NULL CHECK (jsonb_typeof(columns) = 'object'),
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (output, company),
  FOREIGN KEY (company, output, worker) REFERENCES cadre.output (company, id, worker) ON DELETE CASCADE
);

-- Outputs: what is sealed stays as it is --------------------------------------------------------------------------

CREATE FUNCTION cadre.refuse_output_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    RAISE EXCEPTION 'output %: begins as staged, without rows and auditors', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'output_begins_staged';
  ELSIF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'output %: is % and may not go', OLD.id, OLD.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'output_in_use';
  ELSIF OLD.status IS DISTINCT FROM NEW.status THEN
    RAISE EXCEPTION 'output %: % may not become %', OLD.id, OLD.status, NEW.status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'output_transition';
  END IF;
  RAISE EXCEPTION 'output %: what it is does not change, and nothing does once it is sealed', OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'output_sealed';
END $$;

-- As conditions, which cost no call.
CREATE TRIGGER output_begins_staged BEFORE INSERT ON cadre.output FOR EACH ROW
  WHEN (NEW.status <> 'staged' OR NEW.auditors <> '{}' OR NEW.row_count <> 0 OR NEW.sealed_at IS NOT NULL)
  EXECUTE FUNCTION cadre.refuse_output_change();
CREATE TRIGGER output_transition BEFORE UPDATE ON cadre.output FOR EACH ROW
  WHEN ((OLD.company, OLD.id, OLD.run, OLD.task, OLD.worker, OLD.dataset, OLD.mode, OLD.key_columns) IS DISTINCT FROM
        (NEW.company, NEW.id, NEW.run, NEW.task, NEW.worker, NEW.dataset, NEW.mode, NEW.key_columns)
    OR OLD.status <> 'staged' AND (OLD.auditors, OLD.sealed_at, OLD.row_count) IS DISTINCT FROM
                                  (NEW.auditors, NEW.sealed_at, NEW.row_count)
    OR OLD.status IS DISTINCT FROM NEW.status AND NOT CASE OLD.status
         WHEN 'staged' THEN NEW.status IN ('sealed', 'dropped')
         WHEN 'sealed' THEN NEW.status IN ('rejected', 'promoted', 'dropped')
         ELSE false END)
  EXECUTE FUNCTION cadre.refuse_output_change();
CREATE TRIGGER output_in_use BEFORE DELETE ON cadre.output FOR EACH ROW
  WHEN (OLD.status = 'staged' OR OLD.status = 'sealed' AND OLD.auditors <> '{}')
  EXECUTE FUNCTION cadre.refuse_output_change();

CREATE FUNCTION cadre.check_promoted_output() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM cadre.promotion p WHERE p.company = NEW.company AND p.output = NEW.id) THEN
    RAISE EXCEPTION 'output %: was not promoted', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'output_transition';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER output_promoted BEFORE UPDATE OF status ON cadre.output FOR EACH ROW
  WHEN (OLD.status <> 'promoted' AND NEW.status = 'promoted') EXECUTE FUNCTION cadre.check_promoted_output();

-- Its rows are neither changed nor, while it may still be promoted, taken away. One that is added after it was sealed is
-- seen by their number when it is promoted: that costs the hot path nothing.
CREATE FUNCTION cadre.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: rows are never changed', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_never_changes';
END $$;
CREATE TRIGGER never_changes BEFORE UPDATE ON cadre.output_row FOR EACH ROW EXECUTE FUNCTION cadre.refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE ON cadre.output_stats FOR EACH ROW EXECUTE FUNCTION cadre.refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE ON cadre.verdict FOR EACH ROW EXECUTE FUNCTION cadre.refuse_change();
CREATE TRIGGER never_changes BEFORE UPDATE ON cadre.promotion FOR EACH ROW EXECUTE FUNCTION cadre.refuse_change();

CREATE FUNCTION cadre.check_rows_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g record;
BEGIN
  FOR g IN SELECT DISTINCT company, output FROM gone LOOP
    IF EXISTS (SELECT 1 FROM cadre.output o WHERE o.company = g.company AND o.id = g.output
               AND (o.status = 'staged' OR o.status = 'sealed' AND o.auditors <> '{}')) THEN
      RAISE EXCEPTION 'output %: its rows may not go before it is decided', g.output
        USING ERRCODE = 'check_violation', CONSTRAINT = 'output_sealed';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER rows_of_decided_outputs_go AFTER DELETE ON cadre.output_row REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION cadre.check_rows_gone();

-- Verdicts --------------------------------------------------------------------------------------------------------

CREATE FUNCTION cadre.check_verdict() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  life bigint;
BEGIN
  SELECT status, auditors INTO o FROM cadre.output WHERE company = NEW.company AND id = NEW.output;
  IF NOT FOUND THEN
    RETURN NEW;  -- The foreign key says so.
  END IF;
  IF o.status IN ('staged', 'dropped') OR NOT NEW.auditor = ANY (o.auditors)
     OR NOT EXISTS (SELECT 1 FROM cadre.agent a
                    WHERE a.company = NEW.company AND a.path = NEW.auditor AND a.role = 'auditor') THEN
    RAISE EXCEPTION 'output %: is % and % has no say in it', NEW.output, o.status, NEW.auditor
      USING ERRCODE = 'check_violation', CONSTRAINT = 'verdicts_are_of_its_auditors';
  END IF;
  SELECT i.epoch INTO life FROM cadre.incarnation i
    WHERE i.company = NEW.company AND i.agent = NEW.auditor AND i.ended_at IS NULL;
  NEW.incarnation := coalesce(NEW.incarnation, life);
  IF life IS NULL OR NEW.incarnation <> life THEN
    RAISE EXCEPTION 'output %: a verdict comes from the living incarnation of %', NEW.output, NEW.auditor
      USING ERRCODE = 'check_violation', CONSTRAINT = 'verdicts_are_of_living_auditors';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER verdict_of_its_auditor BEFORE INSERT ON cadre.verdict
  FOR EACH ROW EXECUTE FUNCTION cadre.check_verdict();

-- Verdicts and promotions go with their output, not before it: looked at when the transaction ends.
CREATE FUNCTION cadre.check_goes_with_output() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM cadre.output o WHERE o.company = OLD.company AND o.id = OLD.output) THEN
    RAISE EXCEPTION 'output %: its % goes with it, not before it', OLD.output, TG_TABLE_NAME
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_goes_with_its_output';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER goes_with_its_output AFTER DELETE ON cadre.verdict DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION cadre.check_goes_with_output();
CREATE CONSTRAINT TRIGGER goes_with_its_output AFTER DELETE ON cadre.promotion DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION cadre.check_goes_with_output();

-- Promotion -------------------------------------------------------------------------------------------------------

ALTER TABLE cadre.promotion ADD COLUMN made_in xid8 NOT NULL DEFAULT pg_current_xact_id();  -- the transaction

CREATE OR REPLACE FUNCTION cadre.check_promotion() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  passed bigint;
BEGIN
  SELECT * INTO o FROM cadre.output WHERE company = NEW.company AND id = NEW.output;
  IF NOT FOUND OR o.worker <> NEW.worker THEN
    RETURN NEW;  -- The foreign key says so.
  END IF;
  SELECT count(*) INTO passed FROM cadre.verdict v
    WHERE v.company = NEW.company AND v.output = NEW.output AND v.passed AND v.auditor = ANY (o.auditors);
  IF cardinality(o.auditors) = 0 OR passed < cardinality(o.auditors)
     OR EXISTS (SELECT 1 FROM cadre.verdict v
                WHERE v.company = NEW.company AND v.output = NEW.output AND NOT v.passed) THEN
    RAISE EXCEPTION 'output % has % of % passing verdicts: nothing becomes canonical without all of them',
      NEW.output, passed, cardinality(o.auditors)
      USING ERRCODE = 'check_violation', CONSTRAINT = 'no_promotion_without_verdict';
  END IF;
  IF o.status <> 'sealed' OR o.dataset <> NEW.dataset THEN
    RAISE EXCEPTION 'output % is % rows of %: it is not in review as rows of %', NEW.output, o.status, o.dataset,
      NEW.dataset USING ERRCODE = 'check_violation', CONSTRAINT = 'no_promotion_but_from_review';
  END IF;
  IF o.row_count <> (SELECT count(*) FROM cadre.output_row r
                     WHERE r.company = NEW.company AND r.output = NEW.output) THEN
    RAISE EXCEPTION 'output % was sealed with % rows and has others now', NEW.output, o.row_count
      USING ERRCODE = 'check_violation', CONSTRAINT = 'no_promotion_of_other_rows';
  END IF;
  NEW.made_in := pg_current_xact_id();
  RETURN NEW;
END $$;

-- Canonical rows --------------------------------------------------------------------------------------------------

-- Joins with rows that the transaction has just written are not to be nested loops: the planner knows nothing of them.
CREATE FUNCTION cadre.check_canonical() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
  f record;
BEGIN
  FOR f IN SELECT DISTINCT company, output, worker, dataset FROM fresh LOOP
    PERFORM 1 FROM cadre.promotion p WHERE p.company = f.company AND p.output = f.output AND p.worker = f.worker
      AND p.dataset = f.dataset AND p.made_in = pg_current_xact_id();
    IF NOT FOUND OR EXISTS (
         SELECT 1 FROM fresh n WHERE n.company = f.company AND n.output = f.output AND NOT EXISTS
           (SELECT 1 FROM cadre.output_row r WHERE r.company = f.company AND r.output = f.output
            AND r.key = n.key AND r.row = n.row)) THEN
      RAISE EXCEPTION 'canonical rows of % by %: only rows of output % as it was audited, as it is promoted', f.dataset,
        f.worker, f.output USING ERRCODE = 'check_violation', CONSTRAINT = 'canonical_is_what_was_promoted';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER canonical_is_what_was_promoted AFTER INSERT ON cadre.canonical REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION cadre.check_canonical();
CREATE TRIGGER canonical_changes_to_what_was_promoted AFTER UPDATE ON cadre.canonical REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION cadre.check_canonical();

-- A row goes when its dataset is replaced by an output that lacks it.
CREATE FUNCTION cadre.check_canonical_gone() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
  g record;
  successor uuid;
BEGIN
  FOR g IN SELECT DISTINCT company, worker, dataset FROM gone LOOP
    SELECT p.output INTO successor FROM cadre.promotion p WHERE p.company = g.company AND p.worker = g.worker
      AND p.dataset = g.dataset AND p.made_in = pg_current_xact_id() ORDER BY p.at DESC LIMIT 1;
    IF successor IS NULL
       OR NOT EXISTS (SELECT 1 FROM cadre.output o WHERE o.company = g.company AND o.id = successor
                      AND o.mode = 'replace')
       OR EXISTS (SELECT 1 FROM gone n JOIN cadre.output_row r ON r.key = n.key
                  WHERE n.company = g.company AND n.worker = g.worker AND n.dataset = g.dataset
                    AND r.company = g.company AND r.output = successor) THEN
      RAISE EXCEPTION 'canonical rows of % by %: they go when an output that lacks them replaces them', g.dataset,
        g.worker USING ERRCODE = 'check_violation', CONSTRAINT = 'canonical_is_what_was_promoted';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER canonical_goes_when_replaced AFTER DELETE ON cadre.canonical REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION cadre.check_canonical_gone();

-- Rights ----------------------------------------------------------------------------------------------------------

ALTER TABLE cadre.output_stats ENABLE ROW LEVEL SECURITY;
CREATE POLICY writer_all ON cadre.output_stats TO cadre_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_own ON cadre.output_stats FOR SELECT TO cadre_reader
  USING (company IN (SELECT cadre.readable_companies()));
REVOKE ALL ON cadre.output_stats FROM PUBLIC;
GRANT SELECT ON cadre.output_stats TO cadre_reader, cadre_writer;
GRANT INSERT, DELETE ON cadre.output_stats TO cadre_writer;
REVOKE ALL ON FUNCTION cadre.refuse_output_change(), cadre.check_promoted_output(), cadre.refuse_change(),
  cadre.check_rows_gone(), cadre.check_verdict(), cadre.check_goes_with_output(), cadre.check_canonical(),
  cadre.check_canonical_gone() FROM PUBLIC;
