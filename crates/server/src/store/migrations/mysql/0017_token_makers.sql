-- oldest-program: 0.1.0
-- A program with the longest name makes tokens, too: "token:" and 32 letters.
ALTER TABLE operator_tokens MODIFY created_by VARBINARY(64);
