-- oldest-program: 0.1.0
-- What platforms told of people, until it is carried out. The digests are keyed: of the push itself, and of the request's
-- nonce. sealed: what it says, until it is done. A claim moves due_at ahead; until: done or given up, and forgotten then.
CREATE TABLE pushes (
  digest      BLOB PRIMARY KEY,
  nonce       BLOB NOT NULL UNIQUE,
  app         TEXT NOT NULL,
  sealed      BLOB,
  received_at INTEGER NOT NULL,
  tries       INTEGER NOT NULL,
  due_at      INTEGER,
  until       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX pushes_due ON pushes (due_at);
CREATE INDEX pushes_until ON pushes (until);

-- Whoever closes their account leaves nothing in the sessions that they had.
CREATE INDEX sessions_over ON sessions (user_number) WHERE ended_at IS NOT NULL;
