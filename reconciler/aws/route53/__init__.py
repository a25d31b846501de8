"""The ledger store on Route 53: reading, compare-and-swap, names of a zone."""
