-- Rows of this table are only ever appended and overwritten in place. A b-tree
-- page that is split or merged may keep a stale copy of what moved, which
-- secure_delete does not reach; this way no copy of a wrapped key is made. So
-- what takes a key's place is another row, and the one it was is overwritten
-- with zeros and destroyed. Neither changes the row's size: 0 and 1 take no
-- room in a row but that of their type. Tenant 0 is the deployment.
CREATE TABLE wrapped_keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  provider   TEXT    NOT NULL,
  wrapped    BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  destroyed  INTEGER NOT NULL
) STRICT;
INSERT INTO wrapped_keys (id, tenant, version, provider, wrapped, created_at, destroyed)
  SELECT id, tenant, version, provider, wrapped, created_at, wrapped = zeroblob(length(wrapped))
  FROM data_keys ORDER BY id;
DROP TABLE data_keys; -- secure_delete overwrites its pages
ALTER TABLE wrapped_keys RENAME TO data_keys;
CREATE UNIQUE INDEX data_keys_there ON data_keys (tenant, version) WHERE destroyed = 0;

-- How far the re-encryption of a tenant has come; tenant 0 is the deployment.
CREATE TABLE reencryptions (
  tenant     INTEGER PRIMARY KEY,
  state      TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  done       INTEGER NOT NULL,
  total      INTEGER NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;

-- Those who have more data keys than one to seal with, or a re-encryption that
-- has not come to its end, by the id that callers know.
CREATE TABLE rotating (
  tenant TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
