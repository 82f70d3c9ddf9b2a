-- What was computed from a user's memory, sealed. parts is JSON, as it was given.
CREATE TABLE derived (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  user         INTEGER NOT NULL REFERENCES users (id),
  derived      TEXT    NOT NULL,
  kind         TEXT    NOT NULL,
  conversation TEXT    NOT NULL,
  first        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  parts        TEXT,
  version      INTEGER NOT NULL,
  key_version  INTEGER NOT NULL,
  size         INTEGER NOT NULL,
  sealed       BLOB    NOT NULL,
  UNIQUE (user, derived)
) STRICT;
CREATE INDEX derived_of_user ON derived (user, kind, id);

-- The stretches that each was computed from, by the id that callers know the
-- conversation by; of conversation '' what was computed from all there was.
CREATE TABLE derived_parts (
  id           INTEGER PRIMARY KEY,
  user         INTEGER NOT NULL,
  conversation TEXT    NOT NULL,
  first        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  derived      INTEGER NOT NULL REFERENCES derived (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX derived_parts_by_conversation ON derived_parts (user, conversation);
CREATE INDEX derived_parts_of ON derived_parts (derived);
