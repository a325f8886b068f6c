"""One gradient-boosted model of the width and two ridge regressions, learnt from all tickers and shared by them."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from lightgbm import Booster, LGBMRegressor
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from features import PRICE_INPUTS, WIDTH_INPUTS
from training.learning.dataset import Dataset
from training.learning.pooled_recipe import PooledRecipe, pooled
from training.learning.recipe import FittedModel, fit_examples, on

Share = Annotated[float, Field(gt=0, le=1)]


class PooledBoosting(PooledRecipe):
    """LightGBM's trees, grown by leaves.

    Attributes:
        n_estimators: trees.
        num_leaves: of each tree.
        learning_rate: share of each tree's correction that is added.
        min_child_samples: rows in a leaf.
        subsample: share of the rows that each tree sees.
        colsample_bytree: share of the inputs that each tree sees.
        reg_lambda: penalty on the values of leaves.
        ridge_alpha, expected_alpha: penalties of the regressions of the width and of the return.
    """

    model_type: ClassVar[str] = "pooled_boosting"

    n_estimators: Annotated[PositiveInt, Field(le=2000)]
    num_leaves: Annotated[int, Field(ge=2, le=1024)]
    learning_rate: Share
    min_child_samples: PositiveInt
    subsample: Share
    colsample_bytree: Share
    reg_lambda: NonNegativeFloat
    ridge_alpha: PositiveFloat
    expected_alpha: PositiveFloat

    def fit_pool(self, pool: Sequence[Dataset], known_on: np.datetime64, seed: int) -> FittedModel:
        """Fit a boosted model and two ridge regressions."""
        return fit_examples(
            pooled(pool, known_on),
            expected=on(PRICE_INPUTS, StandardScaler(), Ridge(alpha=self.expected_alpha)),
            log_ratio=on(WIDTH_INPUTS, self.trees(seed)),
            bounded_log_ratio=on(WIDTH_INPUTS, StandardScaler(), Ridge(alpha=self.ridge_alpha)),
        )

    def trees(self, seed: int) -> "SinglePrecisionTrees":
        """Those of the width, not fitted yet."""
        chosen = self.model_dump(exclude={"ridge_alpha", "expected_alpha", "refit_every", "refit_every_far"})
        fixed: dict[str, Any] = {
            "subsample_freq": 1,
            "n_jobs": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        return SinglePrecisionTrees(**chosen, **fixed, random_state=seed)


class SinglePrecisionTrees(LGBMRegressor):
    """LightGBM's trees, split at numbers that ONNX's single precision holds too, so that both decide alike."""

    def fit(self, X: Any, y: Any, **options: Any) -> "SinglePrecisionTrees":  # type: ignore[override]  # noqa: N803
        """Fit, then round every split down: of single-precision inputs the same ones stay below it."""
        super().fit(X, y, **options)
        self._Booster = Booster(model_str=_rounded(self.booster_.model_to_string()))
        return self


def _rounded(text: str) -> str:
    """LightGBM's own text of a model with its splits rounded, and without the lengths of the trees' texts."""
    lines = (line for line in text.splitlines() if not line.startswith("tree_sizes="))
    return "\n".join(_rounded_line(line) if line.startswith("threshold=") else line for line in lines)


def _rounded_line(line: str) -> str:
    splits = np.array(line.removeprefix("threshold=").split(), dtype=np.float64)
    single = splits.astype(np.float32)
    single = np.where(single > splits, np.nextafter(single, np.float32(-np.inf)), single)
    return "threshold=" + " ".join(repr(float(split)) for split in single)


update_registered_converter(
    SinglePrecisionTrees, "LightGbmSinglePrecisionTrees", calculate_linear_regressor_output_shapes, convert_lightgbm
)
