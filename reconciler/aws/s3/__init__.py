"""S3: the ledger of a service in an object, changed by conditional writes."""
