"""Namespaces and the Linux calls they need."""
