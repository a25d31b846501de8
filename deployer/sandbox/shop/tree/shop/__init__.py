"""A small shop: takes orders over HTTP and keeps them in PostgreSQL."""
