"""What quarterly reports do to a forecast: when one is due, and how far its ticker moves then."""
