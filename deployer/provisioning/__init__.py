"""What a new machine is given: user data, code, a copy of the database; and smoke checks."""
