-- What stands for the entries at the beginning of a log that were dropped from
-- another copy of it.
CREATE TABLE audit_drops (
  tenant_id  TEXT    PRIMARY KEY,
  seq        INTEGER NOT NULL,
  chain      BLOB    NOT NULL,
  tree       BLOB    NOT NULL,
  note       BLOB    NOT NULL,
  dropped_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
