"""What a run in MLflow says about a model: parameters, tags, data set, files, card."""

import platform
import tempfile
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import infer_signature

from features import NAMES
from features.matrix import FeatureMatrix
from forecasting.card import ModelCard
from market.calendar.sessions import Sessions
from training.learning import forecast_file
from training.learning.forest import PARAMETERS, Fitted
from training.learning.pipeline import Trained, recipe
from training.mlflow_registry.code_version import code_version

EXPLANATION = """One run for each execution of the pipeline; below it one run for each ticker and horizon.

Show the columns `skill_over_last_252`, `skill_over_ewma`, `skill_over_baseline`, `coverage`, `mae_ratio` and the tags
`ticker`, `horizon`, `decision`. All scores are out of sample.

- `skill_over_X`: 1 less the model's interval score over that of X; above 0 is better. `last_252` are the quantiles of
  the last year's returns, `ewma` an exponentially weighted volatility, `baseline` what is served without a model.
- `coverage`: share of returns inside the 90 % interval; `turbulent_coverage`: in the most turbulent fifth of sessions.
- `val_mae`, `val_rmse`: of the median, as returns (0.0119 is 1.19 %); `mae_ratio`: `val_mae` over that of no change.
- `brier_score`, `calibration_error`: of the probability of a rise; 0.25 is a coin.
- `decision`: whether it was promoted, `decision_reason` why; `baseline_difference` is the mean daily interval score
  less the baseline's, below 0 is better. Filter `tags.simulated = 'false'` for real prices.
"""

# What a run holds beside the model itself.
CARD, ROWS, FORECASTS = "publish/card.json", "publish/rows.npz", "evaluation/forecasts.csv"

# The only type in a forest that skops does not know to be harmless; it is a plain array of nodes.
TRUSTED_TYPES = ["sklearn.tree._tree.Tree"]
LIBRARIES = ("mlflow", "scikit-learn", "skops", "numpy")


def log_files(trained: Trained, sessions: Sessions) -> None:
    """Log the out-of-sample forecasts, the rows the model was fitted on, and the pictures on the open run."""
    forecasts = forecast_file.write(trained.data, trained.evaluation, sessions)
    mlflow.log_text(forecasts, FORECASTS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(ROWS).name
        np.savez_compressed(path, rows=trained.rows)
        mlflow.log_artifact(str(path), str(Path(ROWS).parent))
        for name, content in trained.plots.items():
            (Path(folder) / name).write_bytes(content)
            mlflow.log_artifact(str(Path(folder) / name), "plots")


def log_model(fitted: Fitted, rows: FeatureMatrix) -> Any:
    """The model as skops on the open run, with its signature and exact requirements."""
    example = rows[:2]
    return mlflow.sklearn.log_model(
        fitted.model,
        name="model",
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        signature=infer_signature(example, fitted.model.predict(example)),
        pip_requirements=[f"{library}=={installed(library)}" for library in LIBRARIES],
    )


def card_of(trained: Trained, run_id: str, version: int) -> ModelCard:
    """The model card, but for the ONNX file that belongs to it."""
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
        formula=trained.fitted.formula,
        quantiles=tuple(trained.calibration.quantiles.tolist()),
        bars_sha256=data.bars_sha256,
        metrics=trained.metrics,
    )


def dataset_of(trained: Trained) -> Any:
    """The bars' closes as MLflow shows a data set: name, source, digest, columns and size."""
    data = trained.data
    frame = pd.DataFrame({"session": data.session.astype("datetime64[s]"), "close": data.close})
    source = CodeDatasetSource({"provider": data.source, "bars_sha256": data.bars_sha256})
    return from_pandas(frame, source=source, name=f"{data.ticker} bars", digest=data.bars_sha256[:8])


def tags_of(trained: Trained) -> dict[str, str]:
    """What a run and its version are found by."""
    data = trained.data
    return {
        "ticker": data.ticker,
        "horizon": str(data.horizon),
        "source": data.source,
        "simulated": str(data.simulated).lower(),
        "bars_sha256": data.bars_sha256,
        "bars_from": str(data.session[0]),
        "bars_to": str(data.session[-1]),
        "recipe": recipe(trained.plan, trained.data.horizon),
    }


def scores_of(trained: Trained) -> dict[str, str]:
    """What versions are compared by, as tags beside each in MLflow's list of them."""
    skills = {f"skill_over_{name}": trained.comparison[f"skill_over_{name}"] for name in ("baseline", "last_252")}
    rest = {"coverage": trained.metrics.coverage, "mae_ratio": trained.comparison["mae_ratio"]}
    return {name: f"{value:.4f}" for name, value in (skills | rest).items()}


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
    models = {f"{name}.{key}": value for name, given in PARAMETERS.items() for key, value in given.items()}
    return models | {
        "seed": trained.plan.seed,
        "refit_every": trained.plan.refit_every,
        "tested": trained.plan.tested,
        "shrinkage": trained.calibration.shrinkage,
        "trust": trained.fitted.formula.trust,
        "echo_weight": trained.fitted.formula.echo_weight,
        "inputs": len(NAMES),
    }
