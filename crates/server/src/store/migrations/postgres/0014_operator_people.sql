-- oldest-program: 0.1.0
-- Which person of a platform an operator is: a scan of theirs signs the operator in.
CREATE TABLE operator_people (
  operator  TEXT PRIMARY KEY REFERENCES operators (name),
  identity  BYTEA NOT NULL UNIQUE REFERENCES identities (id),
  linked_at BIGINT NOT NULL
);
