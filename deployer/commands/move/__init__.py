"""`deployer move`: a service's ledger goes to another record, zone or account."""
