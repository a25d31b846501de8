"""`deployer rollback`: back to the previous release."""
