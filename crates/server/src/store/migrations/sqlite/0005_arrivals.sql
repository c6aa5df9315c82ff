-- oldest-program: 0.1.0
-- Browsers that have come back from a platform and have not been exchanged for a session yet. The code is SHA-256 of the app
-- and the one-use code; sealed: who it is, what they look like, and what the exchange must prove.
CREATE TABLE arrivals (
  code   BLOB PRIMARY KEY,
  sealed BLOB NOT NULL,
  until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX arrivals_until ON arrivals (until);
