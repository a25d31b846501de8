"""Checks of a service before a command changes anything, and the texts of refusals."""
