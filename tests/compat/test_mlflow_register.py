from typing import Any

import pytest

from compat.mlflow_register import register_of


class Client:
    def __init__(self, register: Any) -> None:
        self._get_registry_client = lambda: register


@pytest.mark.parametrize("client", [object(), Client(None), Client(object())])
def test_a_release_without_it_is_named(client: object) -> None:
    with pytest.raises(RuntimeError, match=r"compat/mlflow_register\.py stands for it"):
        register_of(client)
