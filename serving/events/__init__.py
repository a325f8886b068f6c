"""What happens in the service, told to clients as it happens."""
