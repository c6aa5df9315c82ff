-- oldest-program: 0.1.0
-- What platforms told of people, until it is carried out. The digests are keyed: of the push itself, and of the request's
-- nonce. sealed: what it says, until it is done. A claim moves due_at ahead; until: done or given up, and forgotten then.
CREATE TABLE IF NOT EXISTS pushes (
  digest      VARBINARY(32) PRIMARY KEY,
  nonce       VARBINARY(32) NOT NULL,
  app         VARBINARY(255) NOT NULL,
  sealed      VARBINARY(4096),
  received_at BIGINT NOT NULL,
  tries       BIGINT NOT NULL,
  due_at      BIGINT,
  until       BIGINT,
  UNIQUE INDEX pushes_nonce (nonce),
  INDEX pushes_due (due_at),
  INDEX pushes_until (until)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
