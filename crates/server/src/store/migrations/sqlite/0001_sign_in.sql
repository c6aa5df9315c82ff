-- oldest-program: 0.1.0
-- Times are milliseconds since 1970; ids are 16 bytes, made in the order of time; what is sealed begins with a version
-- byte and the master key's id.

CREATE TABLE users (
  number       INTEGER PRIMARY KEY AUTOINCREMENT,
  id           BLOB NOT NULL UNIQUE,
  external_id  TEXT,
  nickname     TEXT,
  avatar_url   TEXT,
  phone_masked TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  disabled_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX users_external_id ON users (external_id) WHERE external_id IS NOT NULL;

-- With the platform's newest session_key, so that a sign-in touches one row.
CREATE TABLE identities (
  id                 BLOB PRIMARY KEY,
  user_number        INTEGER NOT NULL REFERENCES users (number),
  platform           TEXT NOT NULL,
  appid              TEXT NOT NULL,
  openid             TEXT NOT NULL,
  open_account       TEXT,
  unionid            TEXT,
  created_at         INTEGER NOT NULL,
  session_key_row    BLOB,
  session_key        BLOB,
  session_key_digest BLOB,
  UNIQUE (platform, appid, openid)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_user ON identities (user_number);
CREATE INDEX identities_unionid ON identities (platform, open_account, unionid, created_at) WHERE unionid IS NOT NULL;

-- Found by a keyed digest, shown masked, read only by unsealing.
CREATE TABLE phones (
  id          BLOB PRIMARY KEY,
  user_number INTEGER NOT NULL UNIQUE REFERENCES users (number),
  lookup      BLOB NOT NULL UNIQUE,
  sealed      BLOB NOT NULL,
  bound_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The session_keys that a newer one superseded, for a while.
CREATE TABLE session_keys (
  id            BLOB PRIMARY KEY,
  identity      BLOB NOT NULL REFERENCES identities (id),
  sealed        BLOB NOT NULL,
  superseded_at INTEGER NOT NULL,
  kept_until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_keys_identity ON session_keys (identity);
CREATE INDEX session_keys_kept ON session_keys (kept_until);

CREATE TABLE sessions (
  id            BLOB PRIMARY KEY,
  user_number   INTEGER NOT NULL REFERENCES users (number),
  app           TEXT NOT NULL,
  identity      BLOB,
  amr           TEXT NOT NULL,
  device_id     TEXT,
  device_class  TEXT NOT NULL,
  device_name   TEXT,
  device_system TEXT,
  ip            TEXT,
  user_agent    TEXT,
  opened_at     INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  ended_at      INTEGER,
  end_reason    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_live ON sessions (user_number, opened_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- One row a grant, never one a token (design §4.3). A refresh moves idle_until alone, in no index; at sweep_at the sweeper
-- looks whether it has passed, and comes again later or, with NULL, never.
CREATE TABLE grants (
  id         BLOB PRIMARY KEY,
  session    BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  app        TEXT NOT NULL,
  secret     BLOB NOT NULL,
  master_key BLOB NOT NULL,
  counter    INTEGER NOT NULL,
  spent      INTEGER,
  rotated_at INTEGER NOT NULL,
  idle_until INTEGER NOT NULL,
  sweep_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_session ON grants (session);
CREATE INDEX grants_sweep ON grants (sweep_at) WHERE sweep_at IS NOT NULL;

-- session and refused are noted for requests that may be repeated.
CREATE TABLE codes (
  digest      BLOB PRIMARY KEY,
  idempotency BLOB,
  body        BLOB,
  session     BLOB,
  refused     TEXT,
  claimed_at  INTEGER NOT NULL,
  until       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX codes_idempotency ON codes (idempotency) WHERE idempotency IS NOT NULL;
CREATE INDEX codes_until ON codes (until);

CREATE TABLE signing_keys (
  kid        TEXT PRIMARY KEY,
  alg        TEXT NOT NULL,
  private    BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  active_at  INTEGER NOT NULL,
  retired_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE master_keys (
  id    BLOB PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that outlive a change of the master key, sealed under it: what keyed digests are made with.
CREATE TABLE data_keys (
  name   TEXT PRIMARY KEY,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_tokens (
  app        TEXT PRIMARY KEY,
  version    INTEGER NOT NULL,
  sealed     BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who fetches the next platform token, and how often one was forced (design §4.7).
CREATE TABLE platform_token_claims (
  app           TEXT PRIMARY KEY,
  claim         BLOB,
  claimed_until INTEGER,
  forced_at     INTEGER,
  forced_day    INTEGER NOT NULL DEFAULT 0,
  forced_count  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The feed of ends (design §4.5).
CREATE TABLE events (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    TEXT NOT NULL,
  subject BLOB,
  reason  TEXT NOT NULL,
  at      INTEGER NOT NULL,
  until   INTEGER NOT NULL
) STRICT;
CREATE INDEX events_until ON events (until);

CREATE TABLE audit (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  action     TEXT NOT NULL,
  actor      TEXT NOT NULL,
  user_id    BLOB,
  session_id BLOB,
  app        TEXT,
  ip         TEXT,
  detail     TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
