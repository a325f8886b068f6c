"""MLflow's requests without a look for Databricks, which MLflow 3.17.2 offers no way for.

Before each request it tries to import three packages of that platform, ten times in all, and each time Python looks
through every folder of packages: about a seventh of what a request costs this process.
"""

from typing import Any

LEFT_OUT = "DatabricksRequestHeaderProvider"


def leave_out_databricks(registry: Any) -> None:
    """Send the headers of every other provider, those of installed packages too; a second call changes nothing.

    Args:
        registry: the module `mlflow.tracking.request_header.registry`.

    Raises:
        RuntimeError: this release of MLflow keeps its providers in another way.
    """
    providers = getattr(getattr(registry, "_request_header_provider_registry", None), "_registry", None)
    if type(providers) is not list:
        raise RuntimeError(
            "mlflow keeps its header providers in another way now; compat/mlflow_headers.py stands for it"
        )
    providers[:] = [provider for provider in providers if type(provider).__name__ != LEFT_OUT]
