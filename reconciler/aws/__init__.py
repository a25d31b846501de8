"""The edge to AWS: the only package of the product, beside the sandbox, that knows boto3."""
