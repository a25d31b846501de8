"""Namespaces and the Linux calls that they need."""
