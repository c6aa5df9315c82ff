-- oldest-program: 0.1.0
-- Roles. A role is defined for one audience, or for every one (''). permissions and includes are JSON arrays: what the role
-- itself allows, and the numbers of roles that it has in itself; whole: names and permissions with all of those. A removed one
-- has no name, and goes when nobody has it any more.
CREATE TABLE IF NOT EXISTS roles (
  number      BIGINT PRIMARY KEY,
  name        VARBINARY(64),
  audience    VARBINARY(255) NOT NULL,
  description TEXT,
  permissions MEDIUMTEXT NOT NULL,
  includes    TEXT NOT NULL,
  whole       MEDIUMTEXT NOT NULL,
  version     BIGINT NOT NULL,
  changed_at  BIGINT NOT NULL,
  removed_at  BIGINT,
  UNIQUE INDEX roles_name (name, audience)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Who has which role, for one audience or for every one ('').
CREATE TABLE IF NOT EXISTS user_roles (
  id          VARBINARY(16) PRIMARY KEY,
  user_number BIGINT NOT NULL,
  role        BIGINT NOT NULL,
  audience    VARBINARY(255) NOT NULL,
  granted_at  BIGINT NOT NULL,
  UNIQUE INDEX user_roles_user (user_number, role, audience),
  INDEX user_roles_role (role, id),
  FOREIGN KEY (user_number) REFERENCES users (number),
  FOREIGN KEY (role) REFERENCES roles (number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- One row: it goes up with every change of a role or of who has it, and tokens say how far it was.
CREATE TABLE IF NOT EXISTS roles_counter (
  id      BIGINT PRIMARY KEY,
  version BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- What the counter was when this user's roles last changed; nothing for who never had one.
ALTER TABLE users ADD COLUMN roles_version BIGINT;
