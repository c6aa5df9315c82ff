-- oldest-program: 0.1.0
-- Roles. A role is defined for one audience, or for every one (''). permissions and includes are JSON arrays: what the role
-- itself allows, and the numbers of roles that it has in itself; whole: names and permissions with all of those. A removed one
-- has no name, and goes when nobody has it any more.
CREATE TABLE roles (
  number      BIGINT PRIMARY KEY,
  name        TEXT,
  audience    TEXT NOT NULL,
  description TEXT,
  permissions TEXT NOT NULL,
  includes    TEXT NOT NULL,
  whole       TEXT NOT NULL,
  version     BIGINT NOT NULL,
  changed_at  BIGINT NOT NULL,
  removed_at  BIGINT,
  UNIQUE (name, audience)
);

-- Who has which role, for one audience or for every one ('').
CREATE TABLE user_roles (
  id          BYTEA PRIMARY KEY,
  user_number BIGINT NOT NULL REFERENCES users (number),
  role        BIGINT NOT NULL REFERENCES roles (number),
  audience    TEXT NOT NULL,
  granted_at  BIGINT NOT NULL,
  UNIQUE (user_number, role, audience)
);
CREATE INDEX user_roles_role ON user_roles (role, id);

-- One row: it goes up with every change of a role or of who has it, and tokens say how far it was.
CREATE TABLE roles_counter (
  id      BIGINT PRIMARY KEY,
  version BIGINT NOT NULL
);

-- What the counter was when this user's roles last changed; nothing for who never had one.
ALTER TABLE users ADD COLUMN roles_version BIGINT;
