-- Escalations that are looked into by their holder's agent, delegated, put off, and counted by the thousand.

ALTER TABLE cadre.escalation
  ADD COLUMN snoozed_until timestamptz,                          -- it sleeps with its holder while due_at is the same
  ADD COLUMN moves         bigint NOT NULL DEFAULT 0,            -- delegations and snoozes so far
  ADD COLUMN investigation uuid,                                 -- the task of the holder's agent that looks into it now
  ADD COLUMN decision      jsonb,                                -- what that said so far
  ADD COLUMN counted       uuid[] NOT NULL DEFAULT '{}';         -- the latest raises that were counted into it

ALTER TABLE cadre.escalation_hop DROP CONSTRAINT escalation_hop_action_check;
ALTER TABLE cadre.escalation_hop ADD CONSTRAINT escalation_hop_action_check
  CHECK (action IN ('raised', 'repeated', 'moved', 'skipped', 'retried', 'acknowledged', 'resolved', 'investigating',
                    'undecided', 'reassigned', 'delegated', 'snoozed', 'woken'));

-- What is not settled: all of it is read at takeover.
CREATE INDEX escalation_unsettled ON cadre.escalation (company, origin) WHERE status <> 'resolved';
