-- oldest-program: 0.1.0
-- called_back: 1 where the session that the code opened keeps an account that was to be deleted.
ALTER TABLE codes ADD COLUMN called_back INTEGER;
