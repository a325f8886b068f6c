"""MLflow: the lab book of runs, and the register of versions with their aliases."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.multioutput import MultiOutputRegressor

from configuration import Settings
from features import NAMES
from features.matrix import FeatureMatrix
from forecasting.card import ModelCard, model_name
from training.errors import RegistryError
from training.forest import PARAMETERS
from training.pipeline import Trained
from training.plots import predicted_against_actual

EXPERIMENT = "stock-prediction"
CHAMPION = "champion"

# What a run holds beside the model itself.
CARD, ROWS, PLOT = "publish/card.json", "publish/rows.npz", "plots/forecasts.png"

# The only type in a forest that skops does not know to be harmless; it is a plain array of nodes.
TRUSTED_TYPES = ["sklearn.tree._tree.Tree"]
REQUIREMENTS = ["mlflow", "scikit-learn", "skops", "numpy"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in the register, with all that is needed to publish it."""

    version: int
    model: MultiOutputRegressor
    rows: FeatureMatrix
    card: ModelCard


class Registry:
    """Runs and versions of one MLflow server or file."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.tracking_uri
        self._artifacts = settings.home / "mlflow" / "artifacts"
        self._local = settings.training.tracking_uri is None

    @cached_property
    def _client(self) -> MlflowClient:
        if self._local:
            self._artifacts.parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(self._uri)
        return MlflowClient(self._uri)

    @cached_property
    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = self._artifacts.as_uri() if self._local else None
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=location))

    @contextmanager
    def pipeline_run(self, name: str, tags: dict[str, str]) -> Iterator[str]:
        """A run that is the parent of one run for each model; gives its id.

        Raises:
            RegistryError: MLflow could not be reached.
        """
        with _translated("MLflow"):
            _ = self._client
            run = mlflow.start_run(experiment_id=self._experiment_id, run_name=name, tags=tags)
        with run:
            yield str(run.info.run_id)

    def record(self, trained: Trained) -> Registered:
        """Log a trained model in a run of its own below the open one, and register it as a new version.

        Raises:
            RegistryError: MLflow failed; no version was made champion.
        """
        data = trained.data
        name = model_name(data.ticker, data.horizon)
        with (
            _translated(name),
            mlflow.start_run(
                experiment_id=self._experiment_id, run_name=f"{data.ticker}-{data.horizon}", nested=True
            ) as run,
        ):
            mlflow.set_tags(_tags(trained))
            mlflow.log_params(_parameters(trained))
            mlflow.log_metrics(trained.metrics.model_dump() | {"ta_deviation": trained.deviation})
            mlflow.log_figure(predicted_against_actual(trained), PLOT)
            self._log_rows(trained.rows)
            version = self._log_model(trained, name, run.info.run_id)
            card = _card(trained, run.info.run_id, version)
            mlflow.log_dict(card.model_dump(mode="json"), CARD)
        return Registered(version, trained.model, trained.rows, card)

    def make_champion(self, ticker: str, horizon: int, version: int) -> None:
        """Point the alias `champion` at `version`.

        Raises:
            RegistryError: there is no such version.
        """
        name = model_name(ticker, horizon)
        with _translated(name):
            self._client.set_registered_model_alias(name, CHAMPION, str(version))

    def champion(self, ticker: str, horizon: int) -> int | None:
        """Version of the champion, if there is one."""
        name = model_name(ticker, horizon)
        try:
            return int(self._client.get_model_version_by_alias(name, CHAMPION).version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise RegistryError(f"{name}: MLflow at {self._uri} failed: {_first_line(error)}") from None

    def get(self, ticker: str, horizon: int, version: int) -> Registered:
        """A version with everything that publishing it takes.

        Raises:
            RegistryError: there is no such version, or its artifacts are missing or damaged.
        """
        name = model_name(ticker, horizon)
        with _translated(f"{name} version {version}"), tempfile.TemporaryDirectory() as folder:
            found: ModelVersion = self._client.get_model_version(name, str(version))
            run_id = str(found.run_id)
            card = ModelCard.model_validate_json(
                Path(self._client.download_artifacts(run_id, CARD, folder)).read_bytes()
            )
            with np.load(self._client.download_artifacts(run_id, ROWS, folder), allow_pickle=False) as file:
                rows = file["rows"]
            model = mlflow.sklearn.load_model(f"models:/{name}/{version}")
        return Registered(version, model, rows, card)

    def _log_rows(self, rows: FeatureMatrix) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(ROWS).name
            np.savez_compressed(path, rows=rows)
            mlflow.log_artifact(str(path), str(Path(ROWS).parent))

    def _log_model(self, trained: Trained, name: str, run_id: str) -> int:
        example = trained.rows[:2]
        logged = mlflow.sklearn.log_model(
            trained.model,
            name="model",
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            signature=infer_signature(example, trained.model.predict(example)),
            pip_requirements=REQUIREMENTS,
        )
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)
        source = f"models:/{logged.model_id}"
        version = self._client.create_model_version(name, source, run_id, model_id=logged.model_id)
        return int(version.version)


def _card(trained: Trained, run_id: str, version: int) -> ModelCard:
    data = trained.data
    return ModelCard(
        ticker=data.ticker,
        horizon=data.horizon,
        source=data.source,
        simulated=data.simulated,
        features=NAMES,
        run_id=run_id,
        version=version,
        trained_at=trained.trained_at,
        trained_from=data.session[0].item(),
        trained_to=data.session[data.known - 1].item(),
        shrinkage=trained.calibration.shrinkage,
        quantiles=tuple(trained.calibration.quantiles.tolist()),
        metrics=trained.metrics,
    )


def _tags(trained: Trained) -> dict[str, str]:
    data = trained.data
    return {
        "ticker": data.ticker,
        "horizon": str(data.horizon),
        "source": data.source,
        "simulated": str(data.simulated).lower(),
        "bars_sha256": data.bars_sha256,
        "made_on": str(data.session[-1]),
    }


def _parameters(trained: Trained) -> dict[str, Any]:
    forests = {f"{name}.{key}": value for name, given in PARAMETERS.items() for key, value in given.items()}
    return forests | {
        "seed": trained.plan.seed,
        "refit_every": trained.plan.refit_every,
        "tested": trained.plan.tested,
        "shrinkage": trained.calibration.shrinkage,
        "inputs": len(NAMES),
    }


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    """MLflow's errors as ours, in one line."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise RegistryError(f"{subject}: MLflow failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
