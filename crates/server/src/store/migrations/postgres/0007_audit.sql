-- oldest-program: 0.1.0
-- actor_id: which operator or app, where `actor` says one. A person's lines are found by who it is about.
ALTER TABLE audit ADD COLUMN actor_id TEXT;
CREATE INDEX audit_user ON audit (user_id, seq) WHERE user_id IS NOT NULL;

-- What one operator, program or app did is found by their name.
CREATE INDEX audit_actor ON audit (actor_id, seq) WHERE actor_id IS NOT NULL;
