"""The ledger store on Route 53: reads, compare-and-swap, the names of a zone."""
