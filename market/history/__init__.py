"""Daily bars: in memory, on disk, merged with what providers send, checked."""
