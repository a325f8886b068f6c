"""The parts of MLflow's REST interface that tell which versions are champions and hold their files.

Source: https://mlflow.org/docs/latest/rest-api.html.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from forecasting.card import renamed

CHAMPION = "champion"
# Aliases of the versions that experiments test begin so.
EXPERIMENT_ALIAS = "experiment-"
EXPERIMENT = "stock-prediction"
# Tag of the experiment that changes with every champion: one small answer tells whether there is anything to do.
CHANGED_AT = "champions_changed_at"
TIMEOUT_SECONDS = 10.0
PAGE = 1000


class RegistryUnreachable(Exception):
    """MLflow does not answer, or not as expected; the text is one line without any secret."""


@dataclass(frozen=True, slots=True)
class Champion:
    """A registered model's name and the version that its alias `champion` points at, or that of an experiment."""

    name: str
    version: int
    alias: str = CHAMPION

    @property
    def stored_as(self) -> str:
        """Name in the model store, where what experiments test stands apart from the champions."""
        return self.name if self.alias == CHAMPION else renamed(self.name, self.alias.removeprefix(EXPERIMENT_ALIAS))


class ChampionRegistry:
    """Reads an MLflow server; writes nothing."""

    def __init__(self, tracking_uri: str) -> None:
        """Ask the server at `tracking_uri`; MLFLOW_TRACKING_TOKEN is sent as a bearer token when it is set."""
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "").strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=tracking_uri.rstrip("/"), timeout=TIMEOUT_SECONDS, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    @property
    def address(self) -> str:
        """Of the server, without the user and password that it may carry."""
        url = self._client.base_url
        return f"{url.scheme}://{url.netloc.decode()}{url.path.rstrip('/')}"

    def changed_at(self) -> str:
        """When a champion changed last, as the trainer wrote it; empty when none ever did.

        Raises:
            RegistryUnreachable: MLflow does not answer.
        """
        found = self._ask("experiments/get-by-name", {"experiment_name": EXPERIMENT}, missing={})
        tags = found.get("experiment", {}).get("tags", [])
        return next((str(tag["value"]) for tag in tags if tag["key"] == CHANGED_AT), "")

    def champions(self) -> Iterator[Champion]:
        """Every champion, and every version that an experiment tests.

        Raises:
            RegistryUnreachable: MLflow does not answer.
        """
        token = ""
        while True:
            page = self._ask("registered-models/search", {"max_results": str(PAGE), "page_token": token})
            for model in page.get("registered_models", []):
                for alias in model.get("aliases", []):
                    if alias["alias"] == CHAMPION or alias["alias"].startswith(EXPERIMENT_ALIAS):
                        yield Champion(model["name"], int(alias["version"]), alias["alias"])
            token = page.get("next_page_token", "")
            if not token:
                return

    def run_of(self, champion: Champion) -> str:
        """Id of the run that a champion came from.

        Raises:
            RegistryUnreachable: MLflow does not answer.
        """
        version = {"name": champion.name, "version": str(champion.version)}
        return str(self._ask("model-versions/get", version)["model_version"]["run_id"])

    def file(self, run_id: str, path: str) -> bytes:
        """An artifact of a run.

        Raises:
            RegistryUnreachable: MLflow does not answer, or the run has no such artifact.
        """
        return self._get("get-artifact", {"run_id": run_id, "path": path}).content

    def _ask(self, method: str, parameters: Mapping[str, str], missing: dict[str, Any] | None = None) -> dict[str, Any]:
        given = {key: value for key, value in parameters.items() if value}
        try:
            answer: dict[str, Any] = self._get(f"api/2.0/mlflow/{method}", given).json()
        except NotThere:
            if missing is None:
                raise
            return missing
        except ValueError:
            raise RegistryUnreachable(f"{method}: the answer is not JSON; is that an MLflow server?") from None
        return answer

    def _get(self, path: str, parameters: Mapping[str, str]) -> httpx.Response:
        try:
            response = self._client.get(path, params=parameters)
        except httpx.HTTPError as error:
            raise RegistryUnreachable(f"{path}: {type(error).__name__}") from None
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotThere(f"{path}: not found")
        if response.is_error:
            raise RegistryUnreachable(f"{path}: status {response.status_code}")
        return response


class NotThere(RegistryUnreachable):
    """MLflow answers, and does not have what was asked for."""
