"""`deployer doctor`: tries what a release will do; reads only."""
