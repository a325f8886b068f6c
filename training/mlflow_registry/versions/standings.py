"""Where a registered model stands: its newest version, and what was decided on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from training.mlflow_registry.connection import translated
from training.mlflow_registry.runs.contents import SCORES
from training.mlflow_registry.versions.aliases import champion_version


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a registered model stands.

    Attributes:
        champion, newest: versions, null when there is none.
        decision: on the newest version, and why.
        scores: of the newest version, by name, with its recipe and the kind of its prices.
    """

    champion: int | None
    newest: int | None
    decision: str
    reason: str
    scores: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decided:
    """A version and the decision on it: promoted, rejected, failed, rolled back; empty before it is made."""

    version: int
    decision: str


def standing(client: MlflowClient, name: str) -> Standing:
    """Champion of `name`, newest version and the decision on it.

    Raises:
        RegistryError: MLflow failed.
    """
    with translated(name):
        newest = newest_version(client, name)
    tags = newest.tags if newest is not None else {}
    return Standing(
        champion=champion_version(client, name),
        newest=int(newest.version) if newest is not None else None,
        decision=str(tags.get("decision", "")),
        reason=str(tags.get("decision_reason", "")),
        scores={name: str(tags[name]) for name in (*SCORES, "recipe", "simulated") if name in tags},
    )


def newest_version(client: MlflowClient, name: str) -> ModelVersion | None:
    """The last version alone: a model that is trained each night has hundreds."""
    return _newest(client, f"name = '{name}'")


def newest_of_training(client: MlflowClient, name: str, bars_sha256: str, recipe_sha256: str) -> ModelVersion | None:
    """The last version of `name` that was trained on these bars with this recipe."""
    same = f"tags.bars_sha256 = '{bars_sha256}' AND tags.recipe_sha256 = '{recipe_sha256}'"
    return _newest(client, f"name = '{name}' AND {same}")


def newest_of_recipe(client: MlflowClient, name: str, recipe: str) -> ModelVersion | None:
    """The last version of `name` that was trained with the recipe of this name."""
    return _newest(client, f"name = '{name}' AND tags.recipe = '{recipe}'")


def _newest(client: MlflowClient, chosen: str) -> ModelVersion | None:
    found = client.search_model_versions(chosen, max_results=1, order_by=["version_number DESC"])
    return found[0] if found else None
