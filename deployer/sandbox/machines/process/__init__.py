"""Processes of a machine: start, groups, users, and output."""
