"""This service beside others."""
