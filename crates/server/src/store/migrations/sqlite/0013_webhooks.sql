-- oldest-program: 0.1.0
-- How far the audit has been read by whoever reads it in order: each webhook, the export, and up to which place nothing can
-- turn up any more ("settled"). claim goes up with each reader that takes it, for as long as held_until says; tries and
-- due_at: of a receiver that does not answer.
CREATE TABLE places (
  name       TEXT PRIMARY KEY,
  seq        INTEGER NOT NULL,
  claim      INTEGER NOT NULL,
  held_until INTEGER NOT NULL,
  tries      INTEGER NOT NULL,
  due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
