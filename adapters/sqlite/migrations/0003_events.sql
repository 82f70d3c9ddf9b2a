-- Events are of tenants and of the deployment, tenant 0, which has no row in
-- tenants. What every sink has is trimmed: trimmed_seq is the last that was.
CREATE TABLE events_new (
  tenant INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  event  TEXT    NOT NULL,
  type   TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  actor  TEXT    NOT NULL,
  data   TEXT,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO events_new SELECT tenant, seq, event, type, at, actor, data FROM events;
DROP TABLE events;
ALTER TABLE events_new RENAME TO events;
ALTER TABLE tenants ADD COLUMN trimmed_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployment ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployment ADD COLUMN trimmed_seq INTEGER NOT NULL DEFAULT 0;

-- The last event that each sink has.
CREATE TABLE positions (
  tenant INTEGER NOT NULL,
  sink   TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  PRIMARY KEY (tenant, sink)
) STRICT, WITHOUT ROWID;

-- The audit log outlives its tenant, so that it names it by the id that callers
-- know. data is JSON with the names in order; actor is '' for the system.
CREATE TABLE audit_events (
  tenant_id TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  event_id  TEXT    NOT NULL,
  type      TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  actor     TEXT    NOT NULL,
  data      TEXT    NOT NULL,
  leaf      BLOB    NOT NULL,
  chain     BLOB    NOT NULL,
  added_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_events_by_type ON audit_events (tenant_id, type, seq);
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, seq);
CREATE INDEX audit_events_by_actor_and_type ON audit_events (tenant_id, actor, type, seq);

-- The end of each log. latest is the latest time of any event in it, and behind
-- how far an event's time ever was behind the latest one before it.
CREATE TABLE audit_heads (
  tenant_id TEXT    PRIMARY KEY,
  seq       INTEGER NOT NULL,
  chain     BLOB    NOT NULL,
  tree      BLOB    NOT NULL,
  latest    INTEGER NOT NULL,
  behind    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Now and then, what latest was after an event: where in the log a time is.
CREATE TABLE audit_times (
  tenant_id TEXT    NOT NULL,
  latest    INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, latest, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoints (
  tenant_id TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  note      BLOB    NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

-- attempts is JSON. What is pending is found by when it is due, of one tenant
-- here, of all in delivery_logs.
CREATE TABLE deliveries (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL REFERENCES tenants (id),
  delivery   TEXT    NOT NULL,
  event      TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  body       BLOB    NOT NULL,
  status     TEXT    NOT NULL,
  attempts   TEXT    NOT NULL,
  next_at    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant, delivery)
) STRICT;
CREATE INDEX deliveries_of_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_pending ON deliveries (tenant, next_at, delivery) WHERE status = 'pending';
CREATE INDEX deliveries_ended ON deliveries (tenant, id) WHERE status <> 'pending';

-- next_at is when the first pending delivery of the tenant is due, NULL for
-- none; ended is how many are not pending.
CREATE TABLE delivery_logs (
  tenant  INTEGER PRIMARY KEY REFERENCES tenants (id),
  next_at INTEGER,
  ended   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deliveries_due ON delivery_logs (next_at) WHERE next_at IS NOT NULL;
