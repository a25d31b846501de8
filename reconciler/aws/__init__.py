"""The edge to AWS: the only package of the product, apart from the sandbox, that imports boto3."""
