"""Latest prices: from memory, Redis or the provider chain, and whether they may be shown."""
