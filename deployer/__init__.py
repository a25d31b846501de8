"""Releases a service by cloning its live machine; builds on `reconciler`."""
