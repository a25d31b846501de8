"""Notifications about a sweep: the message, the notifier and the webhook."""
