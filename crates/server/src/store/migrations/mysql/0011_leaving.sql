-- oldest-program: 0.1.0
-- deletes_at: from when on somebody who wants to leave may be erased. erased_at: nothing is left of them but id and number.
-- consents: which version of a document somebody agreed to, and the evidence of it; withdrawn_at: until when it held.
CREATE TABLE IF NOT EXISTS consents (
  id           VARBINARY(16) PRIMARY KEY,
  user_number  BIGINT NOT NULL,
  document     VARBINARY(64) NOT NULL,
  version      VARBINARY(64) NOT NULL,
  app          VARBINARY(255) NOT NULL,
  ip           VARBINARY(64),
  user_agent   TEXT,
  given_at     BIGINT NOT NULL,
  withdrawn_at BIGINT,
  INDEX consents_user (user_number, given_at, id),
  FOREIGN KEY (user_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

ALTER TABLE users ADD COLUMN deletes_at BIGINT, ADD COLUMN erased_at BIGINT, ADD INDEX users_deletes (deletes_at);
