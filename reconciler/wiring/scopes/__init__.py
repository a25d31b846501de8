"""Connects the edges of a sweep that is divided into scopes."""
