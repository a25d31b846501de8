"""Instances and images: launched, started, stopped, imaged."""
