"""Where prices come from: bars, quotes, sessions, providers, the history store and the chain that joins them."""
