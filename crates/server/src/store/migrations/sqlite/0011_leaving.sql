-- oldest-program: 0.1.0
-- deletes_at: from when on somebody who wants to leave may be erased. erased_at: nothing is left of them but id and number.
-- consents: which version of a document somebody agreed to, and the evidence of it; withdrawn_at: until when it held.
ALTER TABLE users ADD COLUMN deletes_at INTEGER;
ALTER TABLE users ADD COLUMN erased_at INTEGER;
CREATE INDEX users_deletes ON users (deletes_at) WHERE deletes_at IS NOT NULL;

CREATE TABLE consents (
  id           BLOB PRIMARY KEY,
  user_number  INTEGER NOT NULL REFERENCES users (number),
  document     TEXT NOT NULL,
  version      TEXT NOT NULL,
  app          TEXT NOT NULL,
  ip           TEXT,
  user_agent   TEXT,
  given_at     INTEGER NOT NULL,
  withdrawn_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_user ON consents (user_number, given_at, id);
