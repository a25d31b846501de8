"""Carries files from live's machines to the new ones: passes over a folder, and their stream."""
