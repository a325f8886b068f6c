"""The page that people look at: static files, and the routes that serve them."""
