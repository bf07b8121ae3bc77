-- What keeps escalations from going round and from coming in crowds.

ALTER TABLE cadre.escalation
  ADD COLUMN counts_until timestamptz,                -- settled as it was raised; its like are counted into it until then
  ADD COLUMN errands uuid[] NOT NULL DEFAULT '{}';    -- tasks that its investigations added and that are not over

-- Read at takeover, beside what is not settled.
CREATE INDEX escalation_counts ON cadre.escalation (company, counts_until) WHERE counts_until IS NOT NULL;
CREATE INDEX escalation_errands ON cadre.escalation (company) WHERE errands <> '{}';
