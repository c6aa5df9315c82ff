-- oldest-program: 0.1.0
-- actor_id: which operator or app, where `actor` says one. A person's lines are found by who it is about, what one operator,
-- program or app did by their name.
ALTER TABLE audit ADD COLUMN actor_id VARBINARY(255), ADD INDEX audit_user (user_id, seq), ADD INDEX audit_actor (actor_id, seq);
