-- oldest-program: 0.1.0
-- Which person of a platform an operator is: a scan of theirs signs the operator in.
CREATE TABLE IF NOT EXISTS operator_people (
  operator  VARBINARY(32) PRIMARY KEY,
  identity  VARBINARY(16) NOT NULL,
  linked_at BIGINT NOT NULL,
  UNIQUE INDEX operator_people_identity (identity),
  FOREIGN KEY (operator) REFERENCES operators (name),
  FOREIGN KEY (identity) REFERENCES identities (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
