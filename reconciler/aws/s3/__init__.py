"""S3: what is kept in buckets."""
