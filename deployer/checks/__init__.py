"""Checks of a service before a command changes anything, and refusals in words."""
