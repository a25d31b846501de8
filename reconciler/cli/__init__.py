"""The command line `reconciler`."""
