"""What the tests of faults share: services on loopback with homes of their own, all ended with their module."""

from tests.serving.conftest import publisher, raising_forest, start_service

__all__ = ["publisher", "raising_forest", "start_service"]
