-- oldest-program: 0.1.0
-- Passwords, one of a user. lookup: the name in the form that it is found by. form: how the hash was made, and at what cost;
-- no secret. hash: sealed to the row.
CREATE TABLE passwords (
  id          BLOB PRIMARY KEY,
  user_number INTEGER NOT NULL UNIQUE REFERENCES users (number),
  username    TEXT NOT NULL,
  lookup      TEXT NOT NULL UNIQUE,
  form        TEXT NOT NULL,
  hash        BLOB NOT NULL,
  changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SHA-256 of one-use codes by which people may choose a new password.
CREATE TABLE password_resets (
  digest      BLOB PRIMARY KEY,
  user_number INTEGER NOT NULL UNIQUE REFERENCES users (number),
  until       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX password_resets_until ON password_resets (until);

-- What people do by password in an app that is registered in the store: sign in, and make accounts (1), or not (0).
ALTER TABLE apps ADD COLUMN passwords INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN register INTEGER NOT NULL DEFAULT 0;
