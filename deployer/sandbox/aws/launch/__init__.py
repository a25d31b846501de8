"""Instances and images: launching, starting, stopping, imaging."""
