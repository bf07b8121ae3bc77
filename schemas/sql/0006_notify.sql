-- Notifications: what the outside world is owed, a row for each channel and cause, written with the cause itself.

-- The channels of the config, as far as people may see them: no addresses, URLs or secrets.
CREATE TABLE cadre.notification_channel (
  company  text    NOT NULL,
  name     text    NOT NULL,
  kind     text    NOT NULL CHECK (kind IN ('email', 'webhook', 'ntfy', 'slack')),
  severity text    NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
  about    text    NOT NULL DEFAULT '',
  retired  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (company, name)
);

-- One row per channel and cause: `id` is made of the cause. `delivery` is the message that it goes out with, decided
-- before that is first sent, so that whoever sends it again sends the same rows under the same id.
CREATE TABLE cadre.notification (
  company    text        NOT NULL,
  channel    text        NOT NULL,
  id         uuid        NOT NULL,
  cause      text        NOT NULL CHECK (cause IN ('escalation', 'resolved', 'brief', 'test')),
  subject    uuid,  -- the escalation or the brief
  severity   text        NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
  status     text        NOT NULL DEFAULT 'owed' CHECK (status IN ('owed', 'sent', 'failed')),
  delivery   uuid,
  attempts   bigint      NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_error text,
  made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  taken_at   timestamptz,
  next_at    timestamptz,  -- of an attempt that failed: not tried again before
  sent_at    timestamptz,
  PRIMARY KEY (company, channel, id),
  FOREIGN KEY (company, channel) REFERENCES cadre.notification_channel (company, name),
  CHECK ((subject IS NULL) = (cause = 'test')),
  CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
  CHECK ((delivery IS NULL) = (taken_at IS NULL))
);
CREATE INDEX notification_owed ON cadre.notification (company, channel, made_at) WHERE status = 'owed';
CREATE INDEX notification_over ON cadre.notification (company, made_at) WHERE status <> 'owed';
CREATE INDEX notification_delivery ON cadre.notification (company, delivery) WHERE delivery IS NOT NULL;
CREATE INDEX notification_taken ON cadre.notification (company, channel, taken_at) WHERE taken_at IS NOT NULL;
CREATE INDEX notification_subject ON cadre.notification (company, subject);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['notification_channel', 'notification'] LOOP
    EXECUTE format('ALTER TABLE cadre.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY writer_all ON cadre.%I TO cadre_writer USING (true) WITH CHECK (true)', t);
    EXECUTE format('CREATE POLICY reader_own ON cadre.%I FOR SELECT TO cadre_reader USING (company IN (SELECT cadre.readable_companies()))', t);
    EXECUTE format('REVOKE ALL ON cadre.%I FROM PUBLIC', t);
    EXECUTE format('GRANT SELECT ON cadre.%I TO cadre_reader, cadre_writer', t);
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON cadre.%I TO cadre_writer', t);
  END LOOP;
END $$;
