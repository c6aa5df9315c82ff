-- oldest-program: 0.1.0
-- deletes_at: from when on somebody who wants to leave may be erased. erased_at: nothing is left of them but id and number.
-- consents: which version of a document somebody agreed to, and the evidence of it; withdrawn_at: until when it held.
ALTER TABLE users ADD COLUMN deletes_at BIGINT;
ALTER TABLE users ADD COLUMN erased_at BIGINT;
CREATE INDEX users_deletes ON users (deletes_at) WHERE deletes_at IS NOT NULL;

CREATE TABLE consents (
  id           BYTEA PRIMARY KEY,
  user_number  BIGINT NOT NULL REFERENCES users (number),
  document     TEXT NOT NULL,
  version      TEXT NOT NULL,
  app          TEXT NOT NULL,
  ip           TEXT,
  user_agent   TEXT,
  given_at     BIGINT NOT NULL,
  withdrawn_at BIGINT
);
CREATE INDEX consents_user ON consents (user_number, given_at, id);
