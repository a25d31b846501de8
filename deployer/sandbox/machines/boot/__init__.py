"""Pid 1 and cloud-init."""
