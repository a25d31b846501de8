"""What a machine is told, as shell scripts, and the port to its shell; `ssh` carries them."""
