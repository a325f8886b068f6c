"""Every provider that can be configured is one file with a `build`."""

from importlib import import_module
from typing import get_args

import pytest

from configuration.market import ProviderName


@pytest.mark.parametrize("name", get_args(ProviderName))
def test_a_provider_is_a_file_of_its_name_that_can_build_it(name: str) -> None:
    assert callable(import_module(f"market.providers.{name}").build)
