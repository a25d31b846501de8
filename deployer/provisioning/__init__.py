"""Sets up new machines: user data, code, a copy of the database; and smoke checks."""
