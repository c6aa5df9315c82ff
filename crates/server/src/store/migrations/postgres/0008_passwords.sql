-- oldest-program: 0.1.0
-- Passwords, one of a user. lookup: the name in the form that it is found by. form: how the hash was made, and at what cost;
-- no secret. hash: sealed to the row.
CREATE TABLE passwords (
  id          BYTEA PRIMARY KEY,
  user_number BIGINT NOT NULL UNIQUE REFERENCES users (number),
  username    TEXT NOT NULL,
  lookup      TEXT NOT NULL UNIQUE,
  form        TEXT NOT NULL,
  hash        BYTEA NOT NULL,
  changed_at  BIGINT NOT NULL
);

-- SHA-256 of one-use codes by which people may choose a new password.
CREATE TABLE password_resets (
  digest      BYTEA PRIMARY KEY,
  user_number BIGINT NOT NULL UNIQUE REFERENCES users (number),
  until       BIGINT NOT NULL
);
CREATE INDEX password_resets_until ON password_resets (until);

-- What people do by password in an app that is registered in the store: sign in, and make accounts (1), or not (0).
ALTER TABLE apps ADD COLUMN passwords BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN register BIGINT NOT NULL DEFAULT 0;
