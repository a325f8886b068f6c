"""The process that trains what the queue asks for."""
