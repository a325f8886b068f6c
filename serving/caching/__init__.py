"""The cache in memory and the cache in Redis."""
