"""Orders to a machine as shell scripts, and the port to its shell; `ssh` transports them."""
