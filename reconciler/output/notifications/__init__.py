"""Notifications about a sweep: the message, and who sends it where."""
