"""The command line `deployer`."""
