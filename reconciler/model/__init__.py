"""The nouns of the product as values: deploy-id, tags, resource, ledger, reading, outcome. Pure."""
