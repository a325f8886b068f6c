"""Sessions of the exchange."""
