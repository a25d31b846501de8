"""The SSH server of a machine."""
