-- oldest-program: 0.1.0
-- Whoever runs menjin. sealed: the TOTP secret and the password's hash; NULL until a link is redeemed, and again after a
-- reset. totp_step: the last time step whose code was used. set_up_at tells one set-up from the next.
CREATE TABLE operators (
  name         TEXT PRIMARY KEY,
  role         TEXT NOT NULL,
  sealed       BYTEA,
  totp_step    BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  set_up_at    BIGINT,
  signed_in_at BIGINT
);
CREATE INDEX operators_role ON operators (role, name);

-- One-use links with which an operator sets a password and a second factor. digest: SHA-256 of 32 random bytes.
CREATE TABLE operator_links (
  digest   BYTEA PRIMARY KEY,
  operator TEXT NOT NULL REFERENCES operators (name),
  until    BIGINT NOT NULL
);
CREATE INDEX operator_links_operator ON operator_links (operator);
CREATE INDEX operator_links_until ON operator_links (until);

-- Sign-ins of operators. digest: SHA-256 of what the cookie holds. proved_at: when password and second factor were last
-- shown; until: the end at the latest.
CREATE TABLE operator_sessions (
  digest     BYTEA PRIMARY KEY,
  operator   TEXT NOT NULL REFERENCES operators (name),
  ip         TEXT,
  user_agent TEXT,
  opened_at  BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  proved_at  BIGINT NOT NULL,
  until      BIGINT NOT NULL
);
CREATE INDEX operator_sessions_operator ON operator_sessions (operator);
CREATE INDEX operator_sessions_until ON operator_sessions (until);

-- Programs that act as an operator would. digest: SHA-256 of the token. until: NULL for one without an end.
CREATE TABLE operator_tokens (
  digest     BYTEA PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL,
  created_by TEXT,
  created_at BIGINT NOT NULL,
  until      BIGINT
);
CREATE INDEX operator_tokens_until ON operator_tokens (until) WHERE until IS NOT NULL;
