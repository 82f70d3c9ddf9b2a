-- Where a deleted tenant's events went, with the event that it was deleted.
ALTER TABLE events ADD COLUMN webhook BLOB;

-- Deliveries are of tenants and, those of deleted tenants, of the deployment,
-- tenant 0, which has no row in tenants. pending is how many of a tenant's are.
CREATE TABLE deliveries_new (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL,
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
INSERT INTO deliveries_new SELECT id, tenant, delivery, event, type, body, status, attempts, next_at, created_at FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_of_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_pending ON deliveries (tenant, next_at, delivery) WHERE status = 'pending';
CREATE INDEX deliveries_ended ON deliveries (tenant, id) WHERE status <> 'pending';

CREATE TABLE delivery_logs_new (
  tenant  INTEGER PRIMARY KEY,
  next_at INTEGER,
  ended   INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO delivery_logs_new SELECT tenant, next_at, ended,
  (SELECT count(*) FROM deliveries d WHERE d.tenant = l.tenant AND d.status = 'pending') FROM delivery_logs l;
DROP TABLE delivery_logs;
ALTER TABLE delivery_logs_new RENAME TO delivery_logs;
CREATE INDEX deliveries_due ON delivery_logs (next_at) WHERE next_at IS NOT NULL;
