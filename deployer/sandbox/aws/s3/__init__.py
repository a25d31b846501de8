"""S3: conditional writes, regions, owners and delete markers, as AWS has them."""
