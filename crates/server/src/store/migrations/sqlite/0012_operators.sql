-- oldest-program: 0.1.0
-- Whoever runs menjin. sealed: the TOTP secret and the password's hash; NULL until a link is redeemed, and again after a
-- reset. totp_step: the last time step whose code was used. set_up_at tells one set-up from the next.
CREATE TABLE operators (
  name         TEXT PRIMARY KEY,
  role         TEXT NOT NULL,
  sealed       BLOB,
  totp_step    INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  set_up_at    INTEGER,
  signed_in_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX operators_role ON operators (role, name);

-- One-use links with which an operator sets a password and a second factor. digest: SHA-256 of 32 random bytes.
CREATE TABLE operator_links (
  digest   BLOB PRIMARY KEY,
  operator TEXT NOT NULL REFERENCES operators (name),
  until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_links_operator ON operator_links (operator);
CREATE INDEX operator_links_until ON operator_links (until);

-- Sign-ins of operators. digest: SHA-256 of what the cookie holds. proved_at: when password and second factor were last
-- shown; until: the end at the latest.
CREATE TABLE operator_sessions (
  digest     BLOB PRIMARY KEY,
  operator   TEXT NOT NULL REFERENCES operators (name),
  ip         TEXT,
  user_agent TEXT,
  opened_at  INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  proved_at  INTEGER NOT NULL,
  until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);
CREATE INDEX operator_sessions_until ON operator_sessions (until);

-- Programs that act as an operator would. digest: SHA-256 of the token. until: NULL for one without an end.
CREATE TABLE operator_tokens (
  digest     BLOB PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL,
  created_by TEXT,
  created_at INTEGER NOT NULL,
  until      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_tokens_until ON operator_tokens (until) WHERE until IS NOT NULL;
