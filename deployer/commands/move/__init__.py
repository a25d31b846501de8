"""`deployer move`: moves a service's ledger to another record, zone or account."""
