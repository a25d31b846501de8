"""Decides which resource is garbage: mark and its rules. Pure."""
