-- oldest-program: 0.1.0
-- Apps that are registered by command, beside those of menjin.toml. A removed one stays as an id that is never used again;
-- its other columns are emptied. scopes have spaces between.
CREATE TABLE apps (
  id           TEXT PRIMARY KEY,
  kind         TEXT NOT NULL,
  name         TEXT,
  audience     TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  platform     TEXT,
  appid        TEXT,
  open_account TEXT,
  app_secret   BLOB,
  created_at   INTEGER NOT NULL,
  disabled_at  INTEGER,
  removed_at   INTEGER,
  UNIQUE (platform, appid)
) STRICT, WITHOUT ROWID;

-- SHA-256 of each client secret: of 32 random bytes, so nothing slower is needed.
CREATE TABLE app_secrets (
  digest     BLOB PRIMARY KEY,
  app        TEXT NOT NULL REFERENCES apps (id),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX app_secrets_app ON app_secrets (app);
