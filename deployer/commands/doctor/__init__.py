"""`deployer doctor`: tries what a release will do; changes nothing but a journal's probe."""
