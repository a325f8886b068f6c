"""How often a provider may be asked, counted over all processes."""
