-- oldest-program: 0.1.0
-- What back ends keep about a session, or about its user: one row a map. The id is `s` or `u`, the session's or the user's
-- id, and the audience; the data is JSON: key to [version, end in milliseconds or null, value]. `until` is the first of
-- these ends.
CREATE TABLE IF NOT EXISTS session_data (
  id       VARBINARY(272) PRIMARY KEY,
  session  VARBINARY(16),
  user_id  VARBINARY(16),
  audience VARBINARY(255) NOT NULL,
  version  BIGINT NOT NULL,
  data     MEDIUMBLOB NOT NULL,
  until    BIGINT,
  INDEX session_data_session (session),
  INDEX session_data_user (user_id),
  INDEX session_data_until (until),
  FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE,
  FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
