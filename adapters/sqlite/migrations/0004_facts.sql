-- Facts are blobs of no conversation: conversation may be NULL, which SQLite
-- lets no ALTER TABLE say. AUTOINCREMENT's count goes on where it was.
CREATE TABLE blobs_new (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant         INTEGER NOT NULL,
  user           INTEGER NOT NULL REFERENCES users (id),
  conversation   INTEGER REFERENCES conversations (id),
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
INSERT INTO blobs_new SELECT * FROM blobs;
UPDATE sqlite_sequence SET seq = max(seq, (SELECT seq FROM sqlite_sequence WHERE name = 'blobs')) WHERE name = 'blobs_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'blobs_new', seq FROM sqlite_sequence
  WHERE name = 'blobs' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'blobs_new');
DROP TABLE blobs;
ALTER TABLE blobs_new RENAME TO blobs;
CREATE INDEX blobs_of_user ON blobs (user);
CREATE INDEX blobs_of_conversation ON blobs (conversation, first_number) WHERE conversation IS NOT NULL;
CREATE INDEX blobs_oldest ON blobs (tenant, first_taken_at);
CREATE INDEX facts_of_user ON blobs (user) WHERE conversation IS NULL;

-- What only one fact may say at a time, by a keyed hash of it.
CREATE TABLE fact_keys (
  user INTEGER NOT NULL REFERENCES users (id),
  key  TEXT    NOT NULL,
  blob INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
  PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_keys_of_blob ON fact_keys (blob);
