-- oldest-program: 0.1.0
-- Browsers that have come back from a platform and have not been exchanged for a session yet. The code is SHA-256 of the app
-- and the one-use code; sealed: who it is, what they look like, and what the exchange must prove.
CREATE TABLE arrivals (
  code   BYTEA PRIMARY KEY,
  sealed BYTEA NOT NULL,
  until  BIGINT NOT NULL
);
CREATE INDEX arrivals_until ON arrivals (until);
