-- oldest-program: 0.1.0
-- Times are milliseconds since 1970; ids are 16 bytes, made in the order of time; what is sealed begins with a version
-- byte and the master key's id. Names are bytes: no collation takes two of them for one. A statement that ran before a
-- kill may run again.

CREATE TABLE IF NOT EXISTS users (
  number       BIGINT AUTO_INCREMENT PRIMARY KEY,
  id           VARBINARY(16) NOT NULL UNIQUE,
  external_id  VARBINARY(255),
  nickname     TEXT,
  avatar_url   TEXT,
  phone_masked TEXT,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  disabled_at  BIGINT,
  UNIQUE INDEX users_external_id (external_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- With the platform's newest session_key, so that a sign-in touches one row.
CREATE TABLE IF NOT EXISTS identities (
  id                 VARBINARY(16) PRIMARY KEY,
  user_number        BIGINT NOT NULL,
  platform           VARBINARY(32) NOT NULL,
  appid              VARBINARY(64) NOT NULL,
  openid             VARBINARY(255) NOT NULL,
  open_account       VARBINARY(255),
  unionid            VARBINARY(255),
  created_at         BIGINT NOT NULL,
  session_key_row    VARBINARY(16),
  session_key        VARBINARY(255),
  session_key_digest VARBINARY(32),
  UNIQUE (openid, appid, platform),
  INDEX identities_user (user_number),
  INDEX identities_unionid (unionid, open_account, platform, created_at),
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Whoever looks for the user of a unionid holds a row of its name meanwhile; it is gone with the transaction.
CREATE TABLE IF NOT EXISTS unionid_turns (
  digest VARBINARY(32) PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Found by a keyed digest, shown masked, read only by unsealing.
CREATE TABLE IF NOT EXISTS phones (
  id          VARBINARY(16) PRIMARY KEY,
  user_number BIGINT NOT NULL UNIQUE,
  lookup      VARBINARY(32) NOT NULL UNIQUE,
  sealed      VARBINARY(2048) NOT NULL,
  bound_at    BIGINT NOT NULL,
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The session_keys that a newer one superseded, for a while.
CREATE TABLE IF NOT EXISTS session_keys (
  id            VARBINARY(16) PRIMARY KEY,
  identity      VARBINARY(16) NOT NULL,
  sealed        VARBINARY(2048) NOT NULL,
  superseded_at BIGINT NOT NULL,
  kept_until    BIGINT NOT NULL,
  INDEX session_keys_identity (identity),
  INDEX session_keys_kept (kept_until),
  FOREIGN KEY (identity) REFERENCES identities (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS sessions (
  id            VARBINARY(16) PRIMARY KEY,
  user_number   BIGINT NOT NULL,
  app           VARBINARY(255) NOT NULL,
  identity      VARBINARY(16),
  amr           VARBINARY(32) NOT NULL,
  device_id     VARBINARY(512),
  device_class  VARBINARY(16) NOT NULL,
  device_name   TEXT,
  device_system TEXT,
  ip            VARBINARY(64),
  user_agent    TEXT,
  opened_at     BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  ended_at      BIGINT,
  end_reason    VARBINARY(32),
  INDEX sessions_live (user_number, ended_at, opened_at, id),
  INDEX sessions_ended (ended_at),
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- One row a grant, never one a token (design §4.3). A refresh moves idle_until alone, in no index; at sweep_at the sweeper
-- looks whether it has passed, and comes again later or, with NULL, never.
CREATE TABLE IF NOT EXISTS grants (
  id         VARBINARY(16) PRIMARY KEY,
  session    VARBINARY(16) NOT NULL,
  app        VARBINARY(255) NOT NULL,
  secret     VARBINARY(255) NOT NULL,
  master_key VARBINARY(4) NOT NULL,
  counter    BIGINT NOT NULL,
  spent      BIGINT,
  rotated_at BIGINT NOT NULL,
  idle_until BIGINT NOT NULL,
  sweep_at   BIGINT,
  INDEX grants_session (session),
  INDEX grants_sweep (sweep_at),
  FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- session and refused are noted for requests that may be repeated.
CREATE TABLE IF NOT EXISTS codes (
  digest      VARBINARY(32) PRIMARY KEY,
  idempotency VARBINARY(32),
  body        VARBINARY(32),
  session     VARBINARY(16),
  refused     TEXT,
  claimed_at  BIGINT NOT NULL,
  until       BIGINT NOT NULL,
  UNIQUE INDEX codes_idempotency (idempotency),
  INDEX codes_until (until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS signing_keys (
  kid        VARBINARY(128) PRIMARY KEY,
  alg        VARBINARY(16) NOT NULL,
  private    VARBINARY(8192) NOT NULL,
  created_at BIGINT NOT NULL,
  active_at  BIGINT NOT NULL,
  retired_at BIGINT,
  revoked_at BIGINT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Whoever adds a signing key holds the row of its algorithm meanwhile.
CREATE TABLE IF NOT EXISTS signing_key_turns (
  alg VARBINARY(16) PRIMARY KEY
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS master_keys (
  id    VARBINARY(4) PRIMARY KEY,
  since BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Keys that outlive a change of the master key, sealed under it: what keyed digests are made with.
CREATE TABLE IF NOT EXISTS data_keys (
  name   VARBINARY(64) PRIMARY KEY,
  sealed VARBINARY(2048) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS platform_tokens (
  app        VARBINARY(255) PRIMARY KEY,
  version    BIGINT NOT NULL,
  sealed     VARBINARY(2048) NOT NULL,
  expires_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Who fetches the next platform token, and how often one was forced (design §4.7).
CREATE TABLE IF NOT EXISTS platform_token_claims (
  app           VARBINARY(255) PRIMARY KEY,
  claim         VARBINARY(16),
  claimed_until BIGINT,
  forced_at     BIGINT,
  forced_day    BIGINT NOT NULL DEFAULT 0,
  forced_count  BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The feed of ends (design §4.5).
CREATE TABLE IF NOT EXISTS events (
  seq     BIGINT AUTO_INCREMENT PRIMARY KEY,
  kind    VARBINARY(32) NOT NULL,
  subject VARBINARY(255),
  reason  VARBINARY(32) NOT NULL,
  at      BIGINT NOT NULL,
  until   BIGINT NOT NULL,
  INDEX events_until (until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS audit (
  seq        BIGINT AUTO_INCREMENT PRIMARY KEY,
  at         BIGINT NOT NULL,
  action     VARBINARY(64) NOT NULL,
  actor      VARBINARY(32) NOT NULL,
  user_id    VARBINARY(16),
  session_id VARBINARY(16),
  app        VARBINARY(255),
  ip         VARBINARY(64),
  detail     TEXT,
  INDEX audit_at (at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
