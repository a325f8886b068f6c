"""Every patch of a library's private parts; each asserts that what it replaces is still there."""
