-- oldest-program: 0.1.0
-- What back ends keep about a session, or about its user: one row a map. The id is `s` or `u`, the session's or the user's
-- id, and the audience; the data is JSON: key to [version, end in milliseconds or null, value]. `until` is the first of
-- these ends.
CREATE TABLE session_data (
  id       BLOB PRIMARY KEY,
  session  BLOB REFERENCES sessions (id) ON DELETE CASCADE,
  user_id  BLOB REFERENCES users (id) ON DELETE CASCADE,
  audience TEXT NOT NULL,
  version  INTEGER NOT NULL,
  data     BLOB NOT NULL,
  until    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_data_session ON session_data (session) WHERE session IS NOT NULL;
CREATE INDEX session_data_user ON session_data (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX session_data_until ON session_data (until) WHERE until IS NOT NULL;
