"""HTTP: translates requests into calls of the other packages and results into answers."""
