"""The recurrent network: the only packages that need JAX."""
