"""The deployer's entries in the journal: written while a command runs, and read again later."""
