-- Whether a task has been run again, by a policy, an agent or a person, is asked whenever it fails once more. Few tasks are
-- repetitions, so few are in it.
CREATE INDEX task_by_repeated ON cadre.task (retry_of, company) WHERE retry_of IS NOT NULL;
