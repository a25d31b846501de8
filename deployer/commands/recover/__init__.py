"""`deployer recover`: rewrites a lost ledger, or the lost memory of a database."""
