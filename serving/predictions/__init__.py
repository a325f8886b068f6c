"""From a ticker and horizon to a rendered prediction, through caches and fallbacks."""
