"""`deployer up`: one release in progress; the package `steps` contains its steps, in order."""
