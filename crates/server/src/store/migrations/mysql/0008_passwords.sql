-- oldest-program: 0.1.0
-- Passwords, one of a user. lookup: the name in the form that it is found by. form: how the hash was made, and at what cost;
-- no secret. hash: sealed to the row.
CREATE TABLE IF NOT EXISTS passwords (
  id          VARBINARY(16) PRIMARY KEY,
  user_number BIGINT NOT NULL UNIQUE,
  username    TEXT NOT NULL,
  lookup      VARBINARY(600) NOT NULL UNIQUE,
  form        VARBINARY(64) NOT NULL,
  hash        VARBINARY(2048) NOT NULL,
  changed_at  BIGINT NOT NULL,
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- SHA-256 of one-use codes by which people may choose a new password.
CREATE TABLE IF NOT EXISTS password_resets (
  digest      VARBINARY(32) PRIMARY KEY,
  user_number BIGINT NOT NULL UNIQUE,
  until       BIGINT NOT NULL,
  INDEX password_resets_until (until),
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- What people do by password in an app that is registered in the store: sign in, and make accounts (1), or not (0).
ALTER TABLE apps ADD COLUMN passwords BIGINT NOT NULL DEFAULT 0, ADD COLUMN register BIGINT NOT NULL DEFAULT 0;
