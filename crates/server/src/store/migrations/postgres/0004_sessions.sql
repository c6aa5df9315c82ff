-- oldest-program: 0.1.0
-- claims: a JSON object that the session's access tokens carry. replaced_by: the session that took its place.

ALTER TABLE sessions ADD COLUMN claims TEXT, ADD COLUMN replaced_by BYTEA;
