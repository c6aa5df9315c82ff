-- oldest-program: 0.1.0
-- Somebody's sessions in the order of their pages: who signs in by a program each minute has fifty thousand that have ended.
CREATE INDEX sessions_of_user ON sessions (user_number, id);
