"""The database port on PostgreSQL. The only package that knows psycopg."""
