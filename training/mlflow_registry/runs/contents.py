"""What a run in MLflow says about a model: parameters, tags, data set, files, card."""

import hashlib
import platform
import tempfile
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
import pandas as pd
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import infer_signature

from features import NAMES, VERSION
from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard
from forecasting.formula import OUTPUTS
from market.calendar.sessions import Sessions
from training.learning.pipeline import Trained
from training.mlflow_registry.runs.code_version import code_version
from training.mlflow_registry.runs.picture import Picture
from training.scoring import forecast_file

# Files of a run beside the model itself.
PUBLISHED = "publish"
CARD, FOREST, FORECASTS = f"{PUBLISHED}/{CARD_FILE}", f"{PUBLISHED}/{FOREST_FILE}", "evaluation/forecasts.csv"
# What versions are compared by.
SCORES = ("interval_score", "skill_over_last_252", "skill_over_baseline", "coverage", "mae_ratio")
LIBRARIES = ("mlflow", "scikit-learn", "onnx", "onnxruntime", "numpy")


def log_files(trained: Trained, sessions: Sessions) -> None:
    """Log the out-of-sample forecasts and the pictures on the open run."""
    mlflow.log_text(forecast_file.write(trained.data, trained.evaluation, sessions), FORECASTS)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in trained.plots.items():
            (Path(folder) / name).write_bytes(content)
            # Beside the charts of the run and of a comparison, too, where pictures are looked for; and at once, because
            # to end a run waits half a second for what is logged in the background.
            mlflow.log_image(Picture(content), key=Path(name).stem, step=0, synchronous=True)
        mlflow.log_artifacts(folder, "plots")


def log_model(trained: Trained) -> Any:
    """Log the ONNX file as the open run's model, with its signature and exact requirements.

    Whoever loads it runs no code of whoever wrote it, unlike a pickle.
    """
    example = trained.data.model_inputs(slice(2), trained.config.recipe.sessions)
    outputs = np.zeros((len(example), OUTPUTS), dtype=np.float32)
    return mlflow.onnx.log_model(
        onnx.load_model_from_string(trained.onnx),
        name="model",
        signature=infer_signature(example, outputs),
        pip_requirements=[f"{library}=={installed(library)}" for library in LIBRARIES],
        save_as_external_data=False,
    )


def log_published_files(card: ModelCard, onnx_file: bytes) -> None:
    """Log on the open run what serving needs: publishing opens no model, and services elsewhere can fetch it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FOREST_FILE).write_bytes(onnx_file)
        (Path(folder) / CARD_FILE).write_text(card.model_dump_json(indent=1), encoding="utf-8")
        mlflow.log_artifacts(folder, PUBLISHED)


def card_of(trained: Trained, run_id: str, version: int) -> ModelCard:
    """The model card of a version."""
    data = trained.data
    return ModelCard(
        ticker=data.ticker,
        horizon=data.horizon,
        source=data.source,
        simulated=data.simulated,
        recipe=trained.config.recipe.name,
        model_type=trained.config.recipe.model_type,
        features=NAMES,
        features_version=VERSION,
        sessions=trained.config.recipe.sessions,
        run_id=run_id,
        version=version,
        trained_at=trained.trained_at,
        trained_from=data.session[0].item(),
        trained_to=data.session[data.known - 1].item(),
        shrinkage=trained.calibration.shrinkage,
        formula=trained.formula,
        quantiles=tuple(trained.calibration.quantiles.tolist()),
        reaction=trained.calibration.reaction,
        bars_sha256=data.bars_sha256,
        forest_sha256=hashlib.sha256(trained.onnx).hexdigest(),
        metrics=trained.metrics,
    )


def dataset_of(trained: Trained) -> Any:
    """The bars' closes as MLflow shows a data set: name, source, digest, columns and size."""
    data = trained.data
    frame = pd.DataFrame({"session": data.session.astype("datetime64[s]"), "close": data.close})
    source = CodeDatasetSource({"provider": data.source, "bars_sha256": data.bars_sha256})
    return from_pandas(frame, source=source, name=f"{data.ticker} bars", digest=data.bars_sha256[:8])


def tags_of(trained: Trained) -> dict[str, str]:
    """Tags that a run is found by."""
    data = trained.data
    return version_tags_of(trained) | {
        "ticker": data.ticker,
        "horizon": str(data.horizon),
        "source": data.source,
        "bars_from": str(data.session[0]),
        "bars_to": str(data.session[-1]),
    }


def version_tags_of(trained: Trained) -> dict[str, str]:
    """Tags that tell the versions of one model apart; their page has room for few."""
    data = trained.data
    return {
        "simulated": str(data.simulated).lower(),
        "bars_sha256": data.bars_sha256,
        "recipe": trained.config.recipe.name,
        "recipe_sha256": trained.fingerprint,
    }


def scores_of(trained: Trained) -> dict[str, str]:
    """What versions are compared by, as tags beside each in MLflow's list of them."""
    found = trained.metrics.model_dump() | dict(trained.comparison)
    return {name: f"{found[name]:.4f}" for name in SCORES}


def description_of(trained: Trained) -> str:
    """The same in a line, for people."""
    scores = trained.comparison
    skill = scores["skill_over_baseline"]
    return (
        f"Out of sample to {trained.data.session[-1]}: interval score {abs(skill):.2%}"
        f" {'better' if skill >= 0 else 'worse'} than the baseline's,"
        f" {trained.metrics.coverage:.1%} inside the 90 % interval,"
        f" error {scores['mae_ratio']:.4f} of that of no change."
    )


def environment() -> dict[str, str]:
    """Versions of the code, of Python and of the libraries that decide the numbers."""
    versions = {f"version.{library}": installed(library) for library in LIBRARIES}
    return versions | {"version.python": platform.python_version(), "version.code": code_version()}


def parameters_of(trained: Trained) -> dict[str, Any]:
    """Everything that was chosen or estimated, as MLflow's parameters."""
    config, formula = trained.config, trained.formula
    return config.recipe.parameters | {
        "recipe": config.recipe.name,
        "seed": config.seed,
        "refit_every": config.refit_every,
        "tested": config.tested,
        "shrinkage": trained.calibration.shrinkage,
        "trust": formula.trust,
        "echo_weight": formula.echo_weight,
        "inputs": len(NAMES),
        "features_version": VERSION,
    }
