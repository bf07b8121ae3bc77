-- The two-sided ledger of schedules: what should happen is written before it is due, and what happened beside it.

-- What a schedule is, as its config says, and what people did to it.
ALTER TABLE cadre.schedule
  ADD COLUMN overlap         text NOT NULL DEFAULT 'skip'
    CHECK (overlap IN ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'allow')),
  ADD COLUMN catch_up        text NOT NULL DEFAULT 'once' CHECK (catch_up IN ('skip', 'once', 'all')),
  ADD COLUMN catch_up_window interval NOT NULL DEFAULT '1 hour',
  ADD COLUMN jitter          interval NOT NULL DEFAULT '0',
  ADD COLUMN grace           interval NOT NULL DEFAULT '2 minutes',
  ADD COLUMN exclude         date[] NOT NULL DEFAULT '{}',
  ADD COLUMN starts          timestamptz,
  ADD COLUMN ends            timestamptz,
  -- Every moment of the calendar up to this one is in the ledger. Null: nothing is planned since the calendar is new.
  ADD COLUMN planned_until   timestamptz,
  ADD COLUMN paused_at       timestamptz,
  ADD COLUMN paused_by       text,
  ADD COLUMN paused_reason   text,
  ADD CONSTRAINT paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL));

-- A fire: one moment of one schedule. Who goes through the steps leaves a moment at each:
--
--   due      due_at      what the calendar says; `fire_at` is that and the schedule's jitter
--   fired    fired_at    its task was added, in the same transaction; of the schedule `brief`: the leader was told to write
--   started  started_at  an agent began with the task, the first time
--   finished finished_at a run of it succeeded
--   effect   effect_at   the task is complete, and there is an output for each dataset that its agent declares: promoted
--                        where somebody audits the agent, sealed where nobody does; of `brief`: the brief is there
--
-- `outcome` is the last step that it came to, or why it does not go on. A fire that is over has `ended_at`:
--   effect     all is well
--   finished   over without effect: the task is complete, and `reason` names the dataset that nothing was staged for
--   failed     the task failed; a retry of it opens the fire again, with the new task
--   skipped    overlap: an earlier fire was still under way
--   missed     nobody was there to fire it in time, and catch_up did not ask for it. `moments`: after a long time away, the
--              oldest missed ones share a row, whose due_at is the latest of them
--   cancelled  the schedule was paused, or this moment is no longer in its calendar, or its task was cancelled
-- and one that goes on does not:
--   expected   not fired yet. With `held_at`: since then it is due, and waits for an earlier fire to end (overlap)
--   fired, started, finished (in review: verdicts are missing)
--
-- Moments but expected_at are of the leader's wall clock, which schedules go by.
CREATE TABLE cadre.new_fire (
  company     text        NOT NULL,
  schedule    text        NOT NULL,
  due_at      timestamptz NOT NULL,  -- manual: when somebody asked for it
  kind        text        NOT NULL CHECK (kind IN ('cron', 'manual', 'backfill', 'catch_up')),
  outcome     text        NOT NULL CHECK (outcome IN ('expected', 'fired', 'started', 'finished', 'effect', 'skipped',
                                                      'missed', 'failed', 'cancelled')),
  reason      text        NOT NULL DEFAULT '',
  expected_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- when the row was written
  fire_at     timestamptz NOT NULL,
  held_at     timestamptz,
  fired_at    timestamptz,
  started_at  timestamptz,
  finished_at timestamptz,
  effect_at   timestamptz,
  ended_at    timestamptz,
  task        uuid,
  asked_by    text        NOT NULL DEFAULT '',  -- manual, backfill: who wanted it, and the id of what they asked
  ask         uuid,
  moments     bigint      NOT NULL DEFAULT 1 CHECK (moments = 1 OR (moments > 1 AND outcome = 'missed')),
  PRIMARY KEY (company, schedule, due_at),
  FOREIGN KEY (company, schedule) REFERENCES cadre.schedule (company, name),
  CONSTRAINT fire_is_over CHECK (CASE WHEN outcome IN ('expected', 'fired', 'started') THEN ended_at IS NULL
                                      WHEN outcome = 'finished' THEN true ELSE ended_at IS NOT NULL END),
  CONSTRAINT fire_steps CHECK (CASE outcome WHEN 'fired' THEN fired_at IS NOT NULL
                                            WHEN 'started' THEN started_at IS NOT NULL
                                            WHEN 'finished' THEN finished_at IS NOT NULL
                                            WHEN 'effect' THEN effect_at IS NOT NULL
                                            ELSE true END),
  CONSTRAINT not_before_it_fired CHECK (fired_at IS NOT NULL OR (task IS NULL AND started_at IS NULL AND
                                                                 finished_at IS NULL AND effect_at IS NULL))
);
INSERT INTO cadre.new_fire (company, schedule, due_at, kind, outcome, reason, fire_at, fired_at, finished_at, effect_at,
                            ended_at, task)
SELECT f.company, f.schedule, f.due_at, 'cron',
       CASE WHEN f.status = 'skipped' THEN 'skipped' WHEN t.status = 'complete' OR f.schedule = 'brief' THEN 'effect'
            WHEN t.status = 'failed' THEN 'failed' WHEN t.status IS NULL OR t.finished_at IS NOT NULL THEN 'cancelled'
            ELSE 'fired' END,
       f.reason, f.due_at, CASE WHEN f.status = 'fired' THEN f.fired_at END,
       CASE WHEN f.status = 'fired' THEN coalesce(t.finished_at, CASE WHEN f.schedule = 'brief' THEN f.fired_at END) END,
       CASE WHEN t.status = 'complete' THEN t.finished_at WHEN f.schedule = 'brief' THEN f.fired_at END,
       CASE WHEN f.status = 'skipped' OR f.schedule = 'brief' OR t.status IS NULL THEN f.fired_at ELSE t.finished_at END,
       t.id
FROM cadre.fire f LEFT JOIN cadre.task t ON t.company = f.company AND t.id = f.task AND f.status = 'fired';
DROP TABLE cadre.fire;
ALTER TABLE cadre.new_fire RENAME TO fire;
ALTER INDEX cadre.new_fire_pkey RENAME TO fire_pkey;
ALTER TABLE cadre.fire RENAME CONSTRAINT new_fire_company_schedule_fkey TO fire_company_schedule_fkey;

-- What goes on: few rows, which the scheduler and the watchers read each second.
CREATE INDEX fire_open ON cadre.fire (schedule, due_at, company) WHERE ended_at IS NULL;
CREATE INDEX fire_ended ON cadre.fire (ended_at, company) WHERE ended_at IS NOT NULL;
CREATE INDEX fire_by_task ON cadre.fire (task, company) WHERE task IS NOT NULL;
-- A row changes at each step: room for that in the page, and vacuumed before it has grown.
ALTER TABLE cadre.fire SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- The fires that go on, for their watchers: the step that comes next, since when it is waited for (never before the fire is
-- due), and how long that may take (`grace`) before somebody should ask; held ones wait for another fire by intent.
CREATE VIEW cadre.open_fire WITH (security_invoker = true) AS
SELECT f.company, f.schedule, f.due_at, f.kind, f.outcome, f.reason, f.fire_at, f.held_at, f.fired_at, f.started_at,
       f.finished_at, f.task, s.agent, s.watcher, s.grace, s.paused_at,
       CASE f.outcome WHEN 'expected' THEN 'fired' WHEN 'fired' THEN 'started' WHEN 'started' THEN 'finished'
                      WHEN 'finished' THEN 'effect' END AS next_step,
       greatest(f.fire_at, f.held_at, f.fired_at, f.started_at, f.finished_at) AS waits_since
FROM cadre.fire f JOIN cadre.schedule s ON s.company = f.company AND s.name = f.schedule
WHERE f.ended_at IS NULL;

-- Rights ---------------------------------------------------------------------------------------------------------

ALTER TABLE cadre.fire ENABLE ROW LEVEL SECURITY;
CREATE POLICY writer_all ON cadre.fire TO cadre_writer USING (true) WITH CHECK (true);
CREATE POLICY reader_own ON cadre.fire FOR SELECT TO cadre_reader USING (company IN (SELECT cadre.readable_companies()));
REVOKE ALL ON cadre.fire, cadre.open_fire FROM PUBLIC;
GRANT SELECT ON cadre.fire, cadre.open_fire TO cadre_reader, cadre_writer;
GRANT INSERT, UPDATE, DELETE ON cadre.fire TO cadre_writer;
