"""The AWS edge: everything of `reconciler` that speaks to AWS, and nothing else does."""
