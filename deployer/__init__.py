"""Releases a service by cloning its live machine; stands on `reconciler`."""
