-- oldest-program: 0.1.0
-- Somebody's ended sessions in the order of their pages: who signs in by a program each minute has fifty thousand of them.
CREATE INDEX sessions_ended_of_user ON sessions (user_number, id) WHERE ended_at IS NOT NULL;
DROP INDEX sessions_over;
