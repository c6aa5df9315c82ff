-- oldest-program: 0.1.0
-- When somebody chose their nickname or picture themselves: what a platform tells takes the place of its own words alone.
ALTER TABLE users ADD COLUMN nickname_chosen_at BIGINT;
ALTER TABLE users ADD COLUMN avatar_chosen_at BIGINT;
