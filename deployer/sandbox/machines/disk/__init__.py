"""Disks: the base image, copies, and the host's tools on them."""
