-- What keeps escalations from going round and from coming in crowds.

ALTER TABLE cadre.escalation
  ADD COLUMN counts_until timestamptz,             -- settled as it was raised; its like are counted into it until then
  ADD COLUMN errands jsonb NOT NULL DEFAULT '{}',  -- tasks that its investigations added, and whose those were, until
                                                   -- they are over and nobody has to give a verdict about them
  ADD COLUMN errand_of uuid;                       -- of this escalation an errand came to it; its retry is its errand

-- Read at takeover, beside what is not settled.
CREATE INDEX escalation_counts ON cadre.escalation (company, counts_until) WHERE counts_until IS NOT NULL;
CREATE INDEX escalation_errands ON cadre.escalation (company) WHERE errands <> '{}';
