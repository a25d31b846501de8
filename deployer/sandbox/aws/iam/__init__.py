"""IAM: what the policies of a user or role allow, by simulation. Nothing is denied by them."""
