"""`deployer recover`: writes a lost ledger, or a lost memory of a database, anew."""
