-- oldest-program: 0.1.0
-- Apps that are registered by command, beside those of menjin.toml. A removed one stays as an id that is never used again;
-- its other columns are emptied. scopes have spaces between.
CREATE TABLE IF NOT EXISTS apps (
  id           VARBINARY(32) PRIMARY KEY,
  kind         VARBINARY(32) NOT NULL,
  name         TEXT,
  audience     VARBINARY(255) NOT NULL,
  scopes       TEXT NOT NULL,
  platform     VARBINARY(32),
  appid        VARBINARY(64),
  open_account VARBINARY(255),
  app_secret   VARBINARY(2048),
  created_at   BIGINT NOT NULL,
  disabled_at  BIGINT,
  removed_at   BIGINT,
  UNIQUE INDEX apps_appid (platform, appid)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- SHA-256 of each client secret: of 32 random bytes, so nothing slower is needed.
CREATE TABLE IF NOT EXISTS app_secrets (
  digest     VARBINARY(32) PRIMARY KEY,
  app        VARBINARY(32) NOT NULL,
  created_at BIGINT NOT NULL,
  INDEX app_secrets_app (app),
  FOREIGN KEY (app) REFERENCES apps (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
