"""MLflow's register without a look before each write, which MLflow 3.17.2 offers no way for.

`MlflowClient` asks for the registered model before every tag and alias, to refuse what is a prompt, so that each of
them is two requests to a server. Here every registered model is a forecast's.
"""

import inspect
from typing import Any

EXPECTED = {
    "get_registered_model": ["name"],
    "set_model_version_tag": ["name", "version", "key", "value"],
    "set_registered_model_alias": ["name", "alias", "version"],
    "delete_registered_model_alias": ["name", "alias"],
}


def register_of(client: Any) -> Any:
    """What `client`, an `MlflowClient`, writes to the register with, one request for each call.

    Raises:
        RuntimeError: this release of MLflow does it in another way.
    """
    make = getattr(client, "_get_registry_client", None)
    register = make() if callable(make) else None
    if any(_parameters(register, name) != expected for name, expected in EXPECTED.items()):
        raise RuntimeError("mlflow writes to its register in another way now; compat/mlflow_register.py stands for it")
    return register


def _parameters(register: Any, name: str) -> list[str] | None:
    method = getattr(register, name, None)
    return list(inspect.signature(method).parameters) if callable(method) else None
