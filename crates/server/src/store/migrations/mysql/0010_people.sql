-- oldest-program: 0.1.0
-- merged_into: whose other name this row is since two users were merged. merges: what went over from one to the other, so
-- that it can be undone; from `until` on it can't, and what stayed behind goes.
CREATE TABLE IF NOT EXISTS merges (
  user_number BIGINT PRIMARY KEY,
  into_number BIGINT NOT NULL,
  moved       TEXT NOT NULL,
  merged_at   BIGINT NOT NULL,
  until       BIGINT NOT NULL,
  INDEX merges_into (into_number),
  INDEX merges_until (until),
  FOREIGN KEY (user_number) REFERENCES users (number),
  FOREIGN KEY (into_number) REFERENCES users (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

ALTER TABLE users ADD COLUMN merged_into BIGINT, ADD INDEX users_merged (merged_into);
