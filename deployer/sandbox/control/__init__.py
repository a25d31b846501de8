"""The sandbox's process as its clients see it: start, ask, reset, end."""
