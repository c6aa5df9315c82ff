-- oldest-program: 0.1.0
-- merged_into: whose other name this row is since two users were merged. merges: what went over from one to the other, so
-- that it can be undone; from `until` on it can't, and what stayed behind goes.
ALTER TABLE users ADD COLUMN merged_into INTEGER;
CREATE INDEX users_merged ON users (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE merges (
  user_number INTEGER PRIMARY KEY REFERENCES users (number),
  into_number INTEGER NOT NULL REFERENCES users (number),
  moved       TEXT NOT NULL,
  merged_at   INTEGER NOT NULL,
  until       INTEGER NOT NULL
) STRICT;
CREATE INDEX merges_into ON merges (into_number);
CREATE INDEX merges_until ON merges (until);
