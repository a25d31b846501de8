"""`deployer up`: one release under way; `steps` does the work, in order."""
