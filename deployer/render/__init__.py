"""A release as people watch it: redrawn on a terminal, lines in a pipe, JSON for programs."""
