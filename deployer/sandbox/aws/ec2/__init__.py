"""The other EC2 resources, and how each kind is listed."""
