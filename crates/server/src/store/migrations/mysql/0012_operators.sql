-- oldest-program: 0.1.0
-- Whoever runs menjin. sealed: the TOTP secret and the password's hash; NULL until a link is redeemed, and again after a
-- reset. totp_step: the last time step whose code was used. set_up_at tells one set-up from the next.
CREATE TABLE IF NOT EXISTS operators (
  name         VARBINARY(32) PRIMARY KEY,
  role         VARBINARY(16) NOT NULL,
  sealed       VARBINARY(1024),
  totp_step    BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  set_up_at    BIGINT,
  signed_in_at BIGINT,
  INDEX operators_role (role, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- One-use links with which an operator sets a password and a second factor. digest: SHA-256 of 32 random bytes.
CREATE TABLE IF NOT EXISTS operator_links (
  digest   VARBINARY(32) PRIMARY KEY,
  operator VARBINARY(32) NOT NULL,
  until    BIGINT NOT NULL,
  INDEX operator_links_operator (operator),
  INDEX operator_links_until (until),
  FOREIGN KEY (operator) REFERENCES operators (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Sign-ins of operators. digest: SHA-256 of what the cookie holds. proved_at: when password and second factor were last
-- shown; until: the end at the latest.
CREATE TABLE IF NOT EXISTS operator_sessions (
  digest     VARBINARY(32) PRIMARY KEY,
  operator   VARBINARY(32) NOT NULL,
  ip         VARBINARY(64),
  user_agent TEXT,
  opened_at  BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  proved_at  BIGINT NOT NULL,
  until      BIGINT NOT NULL,
  INDEX operator_sessions_operator (operator),
  INDEX operator_sessions_until (until),
  FOREIGN KEY (operator) REFERENCES operators (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Programs that act as an operator would. digest: SHA-256 of the token. until: NULL for one without an end.
CREATE TABLE IF NOT EXISTS operator_tokens (
  digest     VARBINARY(32) PRIMARY KEY,
  name       VARBINARY(32) NOT NULL,
  role       VARBINARY(16) NOT NULL,
  created_by VARBINARY(32),
  created_at BIGINT NOT NULL,
  until      BIGINT,
  UNIQUE INDEX operator_tokens_name (name),
  INDEX operator_tokens_until (until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
