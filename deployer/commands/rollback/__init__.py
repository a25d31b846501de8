"""`deployer rollback`: returns to the previous release."""
