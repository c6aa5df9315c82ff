-- oldest-program: 0.1.0
-- How far the audit has been read by whoever reads it in order: each webhook, the export, and up to which place nothing can
-- turn up any more ("settled"). claim goes up with each reader that takes it, for as long as held_until says; tries and
-- due_at: of a receiver that does not answer.
CREATE TABLE IF NOT EXISTS places (
  name       VARBINARY(255) PRIMARY KEY,
  seq        BIGINT NOT NULL,
  claim      BIGINT NOT NULL,
  held_until BIGINT NOT NULL,
  tries      BIGINT NOT NULL,
  due_at     BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
