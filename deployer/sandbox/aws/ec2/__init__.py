"""The other EC2 resources, and the listing of every kind."""
