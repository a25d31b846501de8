"""The process from which all machines are forked."""
