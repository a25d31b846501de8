"""The commands of a sweep that is divided into scopes."""
