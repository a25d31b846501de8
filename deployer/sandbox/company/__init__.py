"""The sandbox's example company: its configuration and its initial state."""
