-- Times are milliseconds since 1970. Integer ids are internal; the text beside
-- them is the id that callers know. Ids that serve as a Position never come
-- back (AUTOINCREMENT), so that a cursor stays right when its row is deleted.

-- A deleted tenant leaves its row, so that its events stay readable.
CREATE TABLE tenants (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant            TEXT    NOT NULL UNIQUE,
  email_key         TEXT    UNIQUE,
  profile           BLOB    NOT NULL,
  retention_days    INTEGER NOT NULL,
  max_users         INTEGER NOT NULL,
  max_conversations INTEGER NOT NULL,
  batch_size        INTEGER NOT NULL,
  encryption_mode   TEXT    NOT NULL,
  rate_per_minute   INTEGER NOT NULL,
  version           INTEGER NOT NULL,
  created_at        INTEGER NOT NULL,
  updated_at        INTEGER NOT NULL,
  deleted_at        INTEGER,
  purged            INTEGER NOT NULL DEFAULT 0,
  last_seq          INTEGER NOT NULL DEFAULT 0,
  users             INTEGER NOT NULL DEFAULT 0,
  users_exhausted   INTEGER NOT NULL DEFAULT 0,
  conversations     INTEGER NOT NULL DEFAULT 0,
  interactions      INTEGER NOT NULL DEFAULT 0,
  buffered          INTEGER NOT NULL DEFAULT 0,
  blobs             INTEGER NOT NULL DEFAULT 0,
  blob_bytes        INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tenants_to_purge ON tenants (id) WHERE deleted_at IS NOT NULL AND purged = 0;

CREATE TABLE api_keys (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant       INTEGER NOT NULL REFERENCES tenants (id),
  key          TEXT    NOT NULL,
  hash         BLOB    NOT NULL UNIQUE,
  prefix       TEXT    NOT NULL,
  scopes       INTEGER NOT NULL,
  environment  TEXT    NOT NULL,
  sealed       BLOB    NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER,
  expires_at   INTEGER,
  revoked_at   INTEGER,
  UNIQUE (tenant, key)
) STRICT;
CREATE INDEX api_keys_of_tenant ON api_keys (tenant);

-- Rows of this table are only ever appended and overwritten in place. A b-tree
-- page that is split or merged may keep a stale copy of what moved, which
-- secure_delete does not reach; this way no copy of a wrapped key is made.
-- Tenant 0 is the deployment.
CREATE TABLE data_keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  provider   TEXT    NOT NULL,
  wrapped    BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant, version)
) STRICT;

CREATE TABLE deployment (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  deployment TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE key_checks (
  version INTEGER PRIMARY KEY,
  value   TEXT    NOT NULL
) STRICT;

CREATE TABLE users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant        INTEGER NOT NULL REFERENCES tenants (id),
  user          TEXT    NOT NULL,
  ref_key       TEXT,
  sealed        BLOB    NOT NULL,
  version       INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  conversations INTEGER NOT NULL DEFAULT 0,
  exhausted     INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant, user)
) STRICT;
CREATE INDEX users_of_tenant ON users (tenant);
CREATE UNIQUE INDEX users_by_ref ON users (tenant, ref_key) WHERE ref_key IS NOT NULL;
CREATE INDEX users_exhausted ON users (tenant) WHERE exhausted = 1;

-- oldest_at is the earliest acceptance in the buffer, buffer_since a time not
-- after any later append to it; both are NULL while the buffer is empty. An
-- append to a buffer that is not empty changes no indexed column.
CREATE TABLE conversations (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant       INTEGER NOT NULL,
  user         INTEGER NOT NULL REFERENCES users (id),
  conversation TEXT    NOT NULL,
  ref_key      TEXT,
  sealed       BLOB    NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  closed_at    INTEGER,
  interactions INTEGER NOT NULL DEFAULT 0,
  buffered     INTEGER NOT NULL DEFAULT 0,
  next_number  INTEGER NOT NULL DEFAULT 1,
  appended_at  INTEGER,
  oldest_at    INTEGER,
  buffer_since INTEGER,
  UNIQUE (user, conversation)
) STRICT;
CREATE INDEX conversations_of_user ON conversations (user);
CREATE UNIQUE INDEX conversations_by_ref ON conversations (user, ref_key) WHERE ref_key IS NOT NULL;
CREATE INDEX conversations_oldest ON conversations (tenant, oldest_at) WHERE oldest_at IS NOT NULL;
CREATE INDEX conversations_idle ON conversations (buffer_since) WHERE buffer_since IS NOT NULL;
CREATE INDEX conversations_closed_idle ON conversations (closed_at)
  WHERE closed_at IS NOT NULL AND buffer_since IS NOT NULL;

CREATE TABLE buffer (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  user         INTEGER NOT NULL,
  conversation INTEGER NOT NULL REFERENCES conversations (id),
  number       INTEGER NOT NULL,
  interaction  TEXT    NOT NULL,
  accepted_at  INTEGER NOT NULL,
  sealed       BLOB    NOT NULL,
  UNIQUE (conversation, number)
) STRICT;
CREATE INDEX buffer_of_user ON buffer (user);

-- numbers and interactions are JSON arrays. The payload is last, so that
-- reading a header touches none of its pages.
CREATE TABLE blobs (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant         INTEGER NOT NULL,
  user           INTEGER NOT NULL REFERENCES users (id),
  conversation   INTEGER NOT NULL REFERENCES conversations (id),
  blob           TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  first_number   INTEGER NOT NULL,
  last_number    INTEGER NOT NULL,
  numbers        TEXT    NOT NULL,
  interactions   TEXT    NOT NULL,
  first_at       INTEGER NOT NULL,
  last_at        INTEGER NOT NULL,
  first_taken_at INTEGER NOT NULL,
  last_taken_at  INTEGER NOT NULL,
  key_version    INTEGER NOT NULL,
  size           INTEGER NOT NULL,
  version        INTEGER NOT NULL,
  sealed         BLOB    NOT NULL,
  UNIQUE (user, blob)
) STRICT;
CREATE INDEX blobs_of_user ON blobs (user);
CREATE INDEX blobs_of_conversation ON blobs (conversation, first_number);
CREATE INDEX blobs_oldest ON blobs (tenant, first_taken_at);

-- The highest version of a user is the user's memory version.
CREATE TABLE changes (
  user         INTEGER NOT NULL REFERENCES users (id),
  version      INTEGER NOT NULL,
  kind         TEXT    NOT NULL,
  conversation TEXT    NOT NULL,
  blob         TEXT    NOT NULL,
  first        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  interactions TEXT,
  PRIMARY KEY (user, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  tenant INTEGER NOT NULL REFERENCES tenants (id),
  seq    INTEGER NOT NULL,
  event  TEXT    NOT NULL,
  type   TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  actor  TEXT    NOT NULL,
  data   TEXT,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- Outcomes of steps, by operation. Tenant 0 is the deployment, here and below.
CREATE TABLE operations (
  tenant    INTEGER NOT NULL,
  operation TEXT    NOT NULL,
  outcome   BLOB    NOT NULL,
  until     INTEGER NOT NULL,
  PRIMARY KEY (tenant, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX operations_until ON operations (until);

-- process is the run of the program that holds the claim, empty when it was
-- released.
CREATE TABLE idempotency (
  id          INTEGER PRIMARY KEY,
  tenant      INTEGER NOT NULL,
  key         BLOB    NOT NULL,
  fingerprint BLOB    NOT NULL,
  operation   TEXT    NOT NULL,
  process     BLOB    NOT NULL,
  lease_until INTEGER NOT NULL,
  until       INTEGER NOT NULL,
  response    BLOB,
  UNIQUE (tenant, key)
) STRICT;
CREATE INDEX idempotency_until ON idempotency (until);

-- One row that a health check writes to.
CREATE TABLE health (
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  checks INTEGER NOT NULL
) STRICT;
INSERT INTO health (id, checks) VALUES (1, 0);

PRAGMA application_id = 0x52564e31;
