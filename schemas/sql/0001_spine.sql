-- The spine: leader and nodes, agents and their lives, tasks, runs, outputs, verdicts, canonical rows, escalations,
-- schedules, briefs, and the outbox of events. Every row is keyed by company. Constraints carry the doctrines.
-- Run as cadre_migrator, who owns the schema. cadre_writer alone may write; cadre_reader may read its companies.

-- Which companies a login role may read. One reader role serves one fleet; the policy below asks this table.
CREATE TABLE cadre.reader_grant (
  role_name text NOT NULL,
  company   text NOT NULL,
  PRIMARY KEY (role_name, company)
);

CREATE FUNCTION cadre.readable_companies() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT g.company FROM cadre.reader_grant g WHERE g.role_name = session_user $$;

-- For statements whose outcome nobody waits for: a surprise is an error, which ends the transaction.
CREATE FUNCTION cadre.must_equal(seen bigint, expected bigint, why text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF seen <> expected THEN
    RAISE EXCEPTION '%: % where % were expected', why, seen, expected USING ERRCODE = 'no_data_found';
  END IF;
  RETURN seen;
END $$;

-- Leadership -----------------------------------------------------------------------------------------------------

-- The fence: one row a company. Every transaction of the writer reads it FOR SHARE with its own epoch and fails if
-- that is no longer the one here; a takeover updates it, so nothing of an older epoch commits after a newer one began.
CREATE TABLE cadre.fence (
  company text   PRIMARY KEY,
  epoch   bigint NOT NULL CHECK (epoch >= 0)
);

CREATE TABLE cadre.leader (
  company     text        NOT NULL,
  epoch       bigint      NOT NULL CHECK (epoch > 0),
  node        text        NOT NULL,
  node_life   uuid        NOT NULL,
  backend_pid integer     NOT NULL,
  since       timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL,
  ended_at    timestamptz,
  end_reason  text,
  PRIMARY KEY (company, epoch)
);

CREATE TABLE cadre.node (
  company   text        NOT NULL,
  name      text        NOT NULL,
  roles     text[]      NOT NULL DEFAULT '{}',
  life      uuid,
  host      text,
  pid       bigint,
  version   text,
  state     text        NOT NULL DEFAULT 'down' CHECK (state IN ('up', 'down', 'draining')),
  since     timestamptz,
  seen_at   timestamptz,
  rss_bytes bigint,
  agents    integer     NOT NULL DEFAULT 0,
  retired   boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (company, name)
);

-- Agents and their lives -----------------------------------------------------------------------------------------

CREATE TABLE cadre.agent (
  company     text        NOT NULL,
  path        text        NOT NULL,
  role        text        NOT NULL CHECK (role IN ('ceo', 'manager', 'worker', 'auditor')),
  about       text        NOT NULL DEFAULT '',
  mode        text        NOT NULL,
  reports_to  text,
  nodes       text[]      NOT NULL DEFAULT '{}',
  node        text,
  state       text        NOT NULL DEFAULT 'planned'
              CHECK (state IN ('planned', 'starting', 'running', 'backoff', 'waiting', 'quarantined', 'stopped')),
  epoch       bigint      NOT NULL DEFAULT 0,
  restarts    bigint      NOT NULL DEFAULT 0,
  last_reason text,
  last_cause  text,
  changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The newest report of a supervisor: ids are time-ordered, and one that was repeated may arrive after its successors.
  last_report uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  position    integer     NOT NULL DEFAULT 0,
  retired     boolean     NOT NULL DEFAULT false,
  -- It is granted nothing.
  paused_at     timestamptz,
  paused_by     text,
  paused_reason text,
  PRIMARY KEY (company, path),
  FOREIGN KEY (company, reports_to) REFERENCES cadre.agent (company, path) DEFERRABLE INITIALLY DEFERRED,
  CHECK (role = 'ceo' OR reports_to IS NOT NULL)
);

CREATE TABLE cadre.incarnation (
  company    text        NOT NULL,
  epoch      bigint      NOT NULL CHECK (epoch > 0),
  agent      text        NOT NULL,
  token      uuid        NOT NULL,
  node       text        NOT NULL,
  node_life  uuid        NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at   timestamptz,
  end_reason text,
  end_cause  text,
  PRIMARY KEY (company, epoch),
  UNIQUE (company, token),
  FOREIGN KEY (company, agent) REFERENCES cadre.agent (company, path)
);
CREATE UNIQUE INDEX one_live_incarnation ON cadre.incarnation (company, agent) WHERE ended_at IS NULL;

-- What supervisors did: the restart history.
CREATE TABLE cadre.agent_event (
  company  text        NOT NULL,
  id       uuid        NOT NULL,
  agent    text        NOT NULL,
  node     text        NOT NULL,
  state    text        NOT NULL,
  reason   text        NOT NULL,
  cause    text        NOT NULL DEFAULT '',
  restarts bigint      NOT NULL DEFAULT 0,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, id)
);
CREATE INDEX agent_event_by_agent ON cadre.agent_event (company, agent, at);

-- Commands that an older life sent after a newer one began.
CREATE TABLE cadre.stale_command (
  company     text        NOT NULL,
  id          uuid        NOT NULL,
  sender      text        NOT NULL,
  incarnation bigint      NOT NULL,
  kind        text        NOT NULL,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, id)
);

-- Knowledge ------------------------------------------------------------------------------------------------------

CREATE TABLE cadre.brain (
  company text        NOT NULL,
  key     text        NOT NULL,
  content jsonb       NOT NULL,
  version bigint      NOT NULL DEFAULT 1,
  by      text        NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, key)
);

CREATE TABLE cadre.brain_history (
  company text        NOT NULL,
  id      uuid        NOT NULL,
  key     text        NOT NULL,
  content jsonb       NOT NULL,
  version bigint      NOT NULL,
  by      text        NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, id),
  UNIQUE (company, key, version)
);

-- The modes that agents claim, with what may be worked on at once.
CREATE TABLE cadre.mode (
  company       text    NOT NULL,
  name          text    NOT NULL,
  concurrency   bigint  NOT NULL DEFAULT 0 CHECK (concurrency >= 0),  -- 0: as many as its agents have slots
  per_key       bigint  NOT NULL DEFAULT 1 CHECK (per_key > 0),
  paused_at     timestamptz,
  paused_by     text,
  paused_reason text,
  retired       boolean NOT NULL DEFAULT false,
  PRIMARY KEY (company, name)
);

-- The least id of version 7 of a moment, and the moment of such an id. Others' say nothing.
CREATE FUNCTION cadre.first_id(moment timestamptz) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;
CREATE FUNCTION cadre.id_time(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT to_timestamp(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 1000.0::float8) $$;

-- Tasks and runs -------------------------------------------------------------------------------------------------

-- Tasks, runs and the journal are partitioned by the month that an id of version 7 was made in, so that what is long
-- over goes as a whole; 0002_retention.sql makes the partitions. A unique key must hold the column that is partitioned by,
-- and nothing refers to a partitioned table: a foreign key would look for its row in every partition, for every row that
-- is written, and a partition could not go without a search of all that refer to it. What such keys promised, the
-- writer's own statements do: a run is made from the row of the task that the same transaction made active, an output
-- from a run that the writer holds as active, and a dependency after its task was looked up.
--
-- Indexes begin with what tells rows apart, not with the company, which all rows may share: while a table has no
-- statistics, the planner would take one that begins with the company and read all of it. No index names the status, and
-- half of each page is kept free: then a step writes a row to the same page and nothing else.
CREATE TABLE cadre.task (
  company         text        NOT NULL,
  id              uuid        NOT NULL,
  mode            text        NOT NULL,
  agent           text,
  title           text        NOT NULL DEFAULT '',
  payload         jsonb       NOT NULL DEFAULT 'null',
  priority        smallint    NOT NULL DEFAULT 2 CHECK (priority BETWEEN 0 AND 3),
  status          text        NOT NULL
                  CHECK (status IN ('draft', 'queued', 'active', 'review', 'approved', 'blocked',
                                    'complete', 'failed', 'superseded', 'stale')),
  attempt         integer     NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  attempts_max    integer     NOT NULL CHECK (attempts_max > 0),
  run_after       timestamptz,
  deadline        timestamptz,
  idempotency_key text,
  concurrency_key text,
  schedule        text,
  retry_of        uuid,
  blocked_reason  text,
  blocked_on      text,
  error_code      text,
  error           text,
  created_by      text        NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at     timestamptz,
  -- Of these the indexes are made: where it queues, until when it may begin, whether it waits for somebody, when it ended
  -- if that was more than a day after its id was made. Null for what is not so, so that steps change no index (HOT).
  lane            text        GENERATED ALWAYS AS
                  (CASE WHEN status = 'queued' THEN coalesce(agent, '@' || mode) END) STORED,
  begin_until     timestamptz GENERATED ALWAYS AS
                  (CASE WHEN status IN ('draft', 'queued', 'blocked') THEN deadline END) STORED,
  waits           uuid        GENERATED ALWAYS AS
                  (CASE WHEN status IN ('draft', 'review', 'approved', 'blocked') THEN id END) STORED,
  slow            timestamptz GENERATED ALWAYS AS
                  (CASE WHEN finished_at IS NOT NULL AND finished_at - cadre.id_time(id) > interval '24 hours'
                        THEN finished_at END) STORED,
  PRIMARY KEY (id, company),
  CHECK ((status = 'blocked') = (blocked_reason IS NOT NULL)),
  CHECK ((status IN ('complete', 'failed', 'superseded', 'stale')) = (finished_at IS NOT NULL))
) PARTITION BY RANGE (id);
-- The backlog in the order in which it is taken, by lane: the tasks of one agent, or those of a mode that name none.
CREATE INDEX task_ready ON cadre.task (lane, priority, created_at, id, company) WHERE lane IS NOT NULL;
CREATE INDEX task_run_after ON cadre.task (run_after, company) WHERE lane IS NOT NULL AND run_after IS NOT NULL;
CREATE INDEX task_begin_until ON cadre.task (begin_until, company) WHERE begin_until IS NOT NULL;
CREATE INDEX task_by_schedule ON cadre.task (schedule, company) WHERE schedule IS NOT NULL;

-- Which task an idempotency key stands for. It outlives its task by as long as tasks are kept, so that a repeat is known
-- as one for that long.
CREATE TABLE cadre.task_key (
  company         text        NOT NULL,
  idempotency_key text        NOT NULL,
  task            uuid        NOT NULL,
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (idempotency_key, company)
);

CREATE TABLE cadre.task_dependency (
  company    text NOT NULL,
  task       uuid NOT NULL,
  depends_on uuid NOT NULL,
  PRIMARY KEY (task, depends_on, company),
  CHECK (task <> depends_on)
);
CREATE INDEX task_dependents ON cadre.task_dependency (depends_on, company);

CREATE FUNCTION cadre.refuse_task_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'task %: % may not become %', NEW.id, OLD.status, NEW.status
    USING ERRCODE = 'check_violation', CONSTRAINT = 'task_transition';
END $$;
-- The same table as cadre::may_become in schemas/task.hpp; a test compares the two. As a condition, which costs no call.
CREATE TRIGGER task_transition BEFORE UPDATE OF status ON cadre.task FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT CASE OLD.status
    WHEN 'draft'    THEN NEW.status IN ('queued', 'blocked', 'superseded', 'stale')
    WHEN 'queued'   THEN NEW.status IN ('active', 'blocked', 'superseded', 'stale')
    WHEN 'active'   THEN NEW.status IN ('queued', 'review', 'complete', 'failed', 'blocked', 'superseded', 'stale')
    WHEN 'review'   THEN NEW.status IN ('approved', 'failed', 'superseded', 'stale')
    WHEN 'approved' THEN NEW.status IN ('complete', 'superseded', 'stale')
    WHEN 'blocked'  THEN NEW.status IN ('queued', 'failed', 'superseded', 'stale')
    ELSE false END)
  EXECUTE FUNCTION cadre.refuse_task_transition();

-- The only definition of workable. Who wants the backlog in order asks by lane. A subselect with LIMIT and one with
-- OFFSET stay what they are: of NOT EXISTS the planner makes a join, for which it may read all tasks of all partitions.
CREATE VIEW cadre.workable_task WITH (security_invoker = true) AS
SELECT t.* FROM cadre.task t
WHERE t.status = 'queued'
  AND (t.run_after IS NULL OR t.run_after <= clock_timestamp())
  AND (t.deadline IS NULL OR t.deadline > clock_timestamp())
  AND (SELECT 1 FROM cadre.task_dependency d CROSS JOIN LATERAL
         (SELECT b.status FROM cadre.task b WHERE b.company = d.company AND b.id = d.depends_on OFFSET 0) b
       WHERE d.company = t.company AND d.task = t.id AND b.status <> 'complete' LIMIT 1) IS NULL;

CREATE TABLE cadre.run (
  company         text        NOT NULL,
  id              uuid        NOT NULL,
  task            uuid        NOT NULL,
  attempt         integer     NOT NULL,
  agent           text        NOT NULL,
  incarnation     bigint      NOT NULL,
  node            text        NOT NULL,
  node_life       uuid        NOT NULL,
  status          text        NOT NULL CHECK (status IN ('active', 'succeeded', 'failed', 'expired', 'cancelled')),
  lease_until     timestamptz NOT NULL,
  progress        jsonb,
  metrics         jsonb,
  alerts          jsonb,
  recommendations jsonb,
  error_code      text,
  error           text,
  stderr_tail     text,
  started_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at        timestamptz,
  PRIMARY KEY (task, attempt, company),
  CHECK ((status = 'active') = (ended_at IS NULL))
) PARTITION BY RANGE (task);
-- Runs are found by their tasks, and no other index can be read for a statement that names tasks: that an agent is not
-- null is said to rule out one that would be read as a whole while the table is young.
CREATE INDEX run_by_id ON cadre.run (id);
CREATE INDEX run_by_agent ON cadre.run (agent, started_at DESC, company) WHERE agent IS NOT NULL;

-- Where the runs that are under way are found, in place of an index that each run would change twice: all of them have
-- an id from `all_ended_before` on, or one of `but`. Renewed by the writer every few seconds while runs begin and end.
CREATE TABLE cadre.run_mark (
  company          text   PRIMARY KEY,
  all_ended_before uuid   NOT NULL,
  but              uuid[] NOT NULL
);
-- IS TRUE: no index but that of ids.
CREATE FUNCTION cadre.active_runs(of_company text) RETURNS SETOF cadre.run
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
  SELECT r.* FROM cadre.run r WHERE r.id >= (SELECT all_ended_before FROM cadre.run_mark WHERE company = of_company)
    AND (r.company = of_company) IS TRUE AND r.status = 'active'
  UNION ALL
  SELECT r.* FROM cadre.run r WHERE r.id = ANY ((SELECT but FROM cadre.run_mark WHERE company = of_company)::uuid[])
    AND r.id < (SELECT all_ended_before FROM cadre.run_mark WHERE company = of_company)
    AND (r.company = of_company) IS TRUE AND r.status = 'active'
$$;
CREATE VIEW cadre.active_run WITH (security_invoker = true) AS
SELECT r.* FROM cadre.run_mark m CROSS JOIN LATERAL cadre.active_runs(m.company) r;

CREATE TABLE cadre.journal (
  company text        NOT NULL,
  run     uuid        NOT NULL,
  line    bigint      NOT NULL,
  agent   text        NOT NULL,
  level   text        NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
  text    text        NOT NULL,
  data    jsonb       NOT NULL DEFAULT 'null',
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run, line, company)
) PARTITION BY RANGE (run);
CREATE INDEX journal_by_agent ON cadre.journal (agent, at DESC, company);

-- Outputs, verdicts, canonical -----------------------------------------------------------------------------------

CREATE TABLE cadre.output (
  company     text        NOT NULL,
  id          uuid        NOT NULL,
  run         uuid        NOT NULL,
  task        uuid        NOT NULL,
  worker      text        NOT NULL,
  dataset     text        NOT NULL,
  mode        text        NOT NULL CHECK (mode IN ('replace', 'upsert', 'append')),
  key_columns text[]      NOT NULL DEFAULT '{}',
  row_count   bigint      NOT NULL DEFAULT 0,
  status      text        NOT NULL CHECK (status IN ('staged', 'sealed', 'rejected', 'promoted', 'dropped')),
  auditors    text[]      NOT NULL DEFAULT '{}',  -- all of them must pass it
  staged_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  sealed_at   timestamptz,
  PRIMARY KEY (id, company),
  UNIQUE (run, dataset, company),
  UNIQUE (id, worker, company),
  FOREIGN KEY (company, worker) REFERENCES cadre.agent (company, path),
  CHECK (NOT worker = ANY (auditors))
);
CREATE INDEX output_in_review ON cadre.output (sealed_at, company) WHERE status = 'sealed';
CREATE INDEX output_by_task ON cadre.output (task, company);

CREATE TABLE cadre.output_row (
  company text   NOT NULL,
  output  uuid   NOT NULL,
  row_no  bigint NOT NULL,
  key     text   NOT NULL,
  row     jsonb  NOT NULL CHECK (jsonb_typeof(row) = 'object'),
  PRIMARY KEY (output, row_no, company),
  FOREIGN KEY (company, output) REFERENCES cadre.output (company, id)
);

-- Whose verdict an output still waits for, and until when.
CREATE TABLE cadre.audit_due (
  company text        NOT NULL,
  output  uuid        NOT NULL,
  auditor text        NOT NULL,
  due_at  timestamptz NOT NULL,
  late    boolean     NOT NULL DEFAULT false,  -- true once a finding was raised about it
  PRIMARY KEY (output, auditor, company),
  FOREIGN KEY (company, output) REFERENCES cadre.output (company, id)
);
CREATE INDEX audit_due_by_time ON cadre.audit_due (company, due_at) WHERE NOT late;

CREATE TABLE cadre.verdict (
  company  text        NOT NULL,
  id       uuid        NOT NULL,
  output   uuid        NOT NULL,
  worker   text        NOT NULL,
  auditor  text        NOT NULL,
  passed   boolean     NOT NULL,
  findings jsonb       NOT NULL DEFAULT '[]',
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (id, company),
  UNIQUE (output, auditor, company),
  FOREIGN KEY (company, output, worker) REFERENCES cadre.output (company, id, worker),
  FOREIGN KEY (company, auditor) REFERENCES cadre.agent (company, path),
  CONSTRAINT nobody_blesses_his_own_work CHECK (auditor <> worker)
);

-- A promotion is the only door to canonical, and verdicts are the only key: the trigger counts them itself.
CREATE TABLE cadre.promotion (
  company       text        NOT NULL,
  output        uuid        NOT NULL,
  worker        text        NOT NULL,
  dataset       text        NOT NULL,
  rows_before   bigint      NOT NULL DEFAULT 0,
  rows_after    bigint      NOT NULL DEFAULT 0,
  rows_added    bigint      NOT NULL DEFAULT 0,
  rows_changed  bigint      NOT NULL DEFAULT 0,
  rows_removed  bigint      NOT NULL DEFAULT 0,
  at            timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (output, company),
  FOREIGN KEY (company, output, worker) REFERENCES cadre.output (company, id, worker)
);

CREATE INDEX promotion_by_dataset ON cadre.promotion (worker, dataset, at DESC, company);

CREATE FUNCTION cadre.check_promotion() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wanted text[];
  passed bigint;
BEGIN
  SELECT auditors INTO wanted FROM cadre.output WHERE company = NEW.company AND id = NEW.output;
  SELECT count(*) INTO passed FROM cadre.verdict v
    WHERE v.company = NEW.company AND v.output = NEW.output AND v.passed AND v.auditor = ANY (wanted);
  IF cardinality(wanted) = 0 OR passed < cardinality(wanted)
     OR EXISTS (SELECT 1 FROM cadre.verdict v
                WHERE v.company = NEW.company AND v.output = NEW.output AND NOT v.passed) THEN
    RAISE EXCEPTION 'output % has % of % passing verdicts: nothing becomes canonical without all of them',
      NEW.output, passed, cardinality(wanted)
      USING ERRCODE = 'check_violation', CONSTRAINT = 'no_promotion_without_verdict';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER promotion_needs_verdicts BEFORE INSERT OR UPDATE OF output ON cadre.promotion
  FOR EACH ROW EXECUTE FUNCTION cadre.check_promotion();

CREATE TABLE cadre.canonical (
  company text NOT NULL,
  dataset text NOT NULL,
  worker  text NOT NULL,
  key     text NOT NULL,
  row     jsonb NOT NULL,
  output  uuid NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, dataset, worker, key),
  FOREIGN KEY (company, output) REFERENCES cadre.promotion (company, output)
);
CREATE INDEX canonical_by_output ON cadre.canonical (output, company);

-- Escalations ----------------------------------------------------------------------------------------------------

CREATE TABLE cadre.escalation (
  company     text        NOT NULL,
  id          uuid        NOT NULL,
  origin      text        NOT NULL,
  problem     text        NOT NULL,
  fingerprint text        NOT NULL,
  severity    text        NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
  cause_code  text        NOT NULL,
  cause       text        NOT NULL,
  evidence    jsonb       NOT NULL DEFAULT 'null',
  task        uuid,
  output      uuid,
  status      text        NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
  holder      text        NOT NULL,
  in_inbox    boolean     NOT NULL DEFAULT false,
  due_at      timestamptz,  -- the holder's time is over then; null in the inbox
  count       bigint      NOT NULL DEFAULT 1 CHECK (count > 0),
  raised_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolved_at timestamptz,
  resolved_by text,
  note        text,
  PRIMARY KEY (company, id),
  FOREIGN KEY (company, holder) REFERENCES cadre.agent (company, path),
  CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
  CHECK (status <> 'open' OR in_inbox OR due_at IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_escalation ON cadre.escalation (company, fingerprint) WHERE status <> 'resolved';
CREATE INDEX escalation_due ON cadre.escalation (company, due_at) WHERE status = 'open' AND NOT in_inbox;

-- Each step of an escalation, numbered. `raised` and `repeated` hops carry the id of the command that caused them.
CREATE TABLE cadre.escalation_hop (
  company    text        NOT NULL,
  id         uuid        NOT NULL,
  escalation uuid        NOT NULL,
  hop        bigint      NOT NULL,
  action     text        NOT NULL
             CHECK (action IN ('raised', 'repeated', 'moved', 'skipped', 'retried', 'acknowledged', 'resolved')),
  holder     text        NOT NULL,
  reason     text        NOT NULL DEFAULT '',
  by         text        NOT NULL DEFAULT '',
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, id),
  UNIQUE (company, escalation, hop),
  FOREIGN KEY (company, escalation) REFERENCES cadre.escalation (company, id)
);

-- Schedules ------------------------------------------------------------------------------------------------------

CREATE TABLE cadre.schedule (
  company text        NOT NULL,
  name    text        NOT NULL,
  agent   text        NOT NULL,
  cron    text        NOT NULL,
  tz      text        NOT NULL DEFAULT 'UTC',
  watcher text        NOT NULL,
  retired boolean     NOT NULL DEFAULT false,
  since   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, name),
  FOREIGN KEY (company, agent) REFERENCES cadre.agent (company, path),
  FOREIGN KEY (company, watcher) REFERENCES cadre.agent (company, path),
  CONSTRAINT nobody_watches_himself CHECK (watcher <> agent)
);

CREATE TABLE cadre.fire (
  company  text        NOT NULL,
  schedule text        NOT NULL,
  due_at   timestamptz NOT NULL,
  fired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  status   text        NOT NULL CHECK (status IN ('fired', 'skipped')),
  reason   text        NOT NULL DEFAULT '',
  task     uuid,
  PRIMARY KEY (company, schedule, due_at),
  FOREIGN KEY (company, schedule) REFERENCES cadre.schedule (company, name),
  CHECK ((status = 'fired') = (task IS NOT NULL))
);

CREATE TABLE cadre.brief (
  company  text        NOT NULL,
  id       uuid        NOT NULL,
  body     jsonb       NOT NULL,
  markdown text        NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (company, id)
);
CREATE INDEX brief_by_time ON cadre.brief (company, at DESC);

-- The outbox -----------------------------------------------------------------------------------------------------

-- One writer assigns seq, one after the other, inside the transaction: sequence order is commit order, and readers
-- see no gap. The publisher sends what the stream does not have yet. A row holds what one transaction had to say: a row
-- an event cost as much as all else that a task needs. `json` keeps the text as it is; it is parsed by readers alone.
CREATE TABLE cadre.event_batch (
  company   text        NOT NULL,
  last_seq  bigint      NOT NULL,
  first_seq bigint      NOT NULL CHECK (first_seq > 0),
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  events    json        NOT NULL,  -- [[subject, what, data], ...], from first_seq on
  PRIMARY KEY (company, last_seq),
  CHECK (last_seq >= first_seq)
);
-- The default compression would cost more than the rest of the row. Not every build of Postgres has lz4.
DO $$
BEGIN
  ALTER TABLE cadre.event_batch ALTER COLUMN events SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
  ALTER TABLE cadre.event_batch ALTER COLUMN events SET STORAGE EXTERNAL;
END $$;

CREATE VIEW cadre.event WITH (security_invoker = true) AS
SELECT b.company, b.first_seq + e.place - 1 AS seq, e.event ->> 0 AS subject, e.event ->> 1 AS what,
       (e.event -> 2)::jsonb AS data, b.at
FROM cadre.event_batch b CROSS JOIN LATERAL json_array_elements(b.events) WITH ORDINALITY AS e (event, place);

-- Rights ---------------------------------------------------------------------------------------------------------

DO $$
DECLARE
  t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'cadre'
           AND tablename NOT IN ('schema_migration', 'reader_grant') LOOP
    EXECUTE format('ALTER TABLE cadre.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY writer_all ON cadre.%I TO cadre_writer USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY reader_own ON cadre.%I FOR SELECT TO cadre_reader USING (company IN (SELECT cadre.readable_companies()))', t);
  END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA cadre FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cadre FROM PUBLIC;
GRANT USAGE ON SCHEMA cadre TO cadre_writer, cadre_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA cadre TO cadre_reader, cadre_writer;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cadre TO cadre_writer;
GRANT EXECUTE ON FUNCTION cadre.readable_companies(), cadre.active_runs(text) TO cadre_reader, cadre_writer;
GRANT EXECUTE ON FUNCTION cadre.must_equal(bigint, bigint, text) TO cadre_writer;
REVOKE INSERT, UPDATE, DELETE ON cadre.schema_migration, cadre.reader_grant FROM cadre_writer;
