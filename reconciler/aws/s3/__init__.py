"""S3: ledgers and journals in buckets, changed by conditional writes."""
