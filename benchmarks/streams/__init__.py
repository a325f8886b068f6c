"""Many who listen, and a stand-in for who streams prices."""
