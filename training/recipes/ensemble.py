"""The average of other recipes' models in one ONNX graph, weighted by how well their intervals did before."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt, SerializeAsAny
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor

from configuration import HORIZONS, ConfigurationError
from forecasting.distribution import INTERVAL_LEVEL
from forecasting.formula import OUTPUTS
from forecasting.interval_score import interval_scores
from market.bars import FloatArray
from training.learning.dataset import Dataset
from training.learning.pooled_recipe import PooledRecipe
from training.learning.recipe import FittedModel, Recipe, SharedModels


class Ensemble(Recipe):
    """A weighted mean of the members' expected returns and logs of widths.

    All members' distributions have one shape, which calibration finds, so that to average their centres and widths is
    to average their quantiles; in logs, one member that is far too wide does not decide alone.

    Attributes:
        members: the recipes that are averaged.
        held_out: last sessions known at a fit, on which members fitted before them are scored; with fewer rows to fit
            on than that, all weigh the same.
        sharpness: weights are inverse interval scores to this power; 0 is the plain average.

    Source: Ratcliff, "Group Reaction Time Distributions and an Analysis of Distribution Statistics", 1979.
    """

    model_type: ClassVar[str] = "ensemble"

    members: Annotated[tuple[SerializeAsAny[Recipe], ...], Field(min_length=2)]
    held_out: Annotated[PositiveInt, Field(ge=60)]
    sharpness: Annotated[NonNegativeFloat, Field(le=1000)]

    @classmethod
    def configured(cls, section: Mapping[str, Any], other: Callable[[str], Recipe]) -> Self:
        """With the members that the section names, each with the hyperparameters of its own section."""
        names = section.get("members")
        names = re.findall(r"\w+", names) if isinstance(names, str) else names  # as an environment variable has it
        if not isinstance(names, (list, tuple)) or cls.__module__.rpartition(".")[2] in names:
            raise ConfigurationError("training.recipes.ensemble.members: a list of other recipes' names")
        return cls(**{**section, "members": tuple(other(str(name)) for name in names)})

    @property
    def parameters(self) -> dict[str, Any]:
        """Its own, and those of each member behind the member's name."""
        own: dict[str, Any] = {"members": ", ".join(one.name for one in self.members)}
        own |= {"held_out": self.held_out, "sharpness": self.sharpness}
        theirs = {f"{one.name}.{key}": value for one in self.members for key, value in one.parameters.items()}
        return own | theirs

    @property
    def looks_back(self) -> int:
        """Members are fitted without the sessions that they are weighed on."""
        return self.held_out + max(HORIZONS)

    def pooled_parts(self) -> tuple[PooledRecipe, ...]:
        """Of its members."""
        return tuple(part for member in self.members for part in member.pooled_parts())

    def sharing(self, models: Mapping[str, SharedModels]) -> Self:
        """With members that share theirs."""
        return self.model_copy(update={"members": tuple(member.sharing(models) for member in self.members)})

    def fit(self, data: Dataset, rows: int, seed: int) -> FittedModel:
        """Fit every member on the first `rows` rows, and average them with `weights` of what came before."""
        weights = self.weights(data, rows, seed)
        fitted = [member.fit(data, rows, seed) for member in self.members]
        model = MultiOutputRegressor(Ridge())
        model.estimators_ = [self._average(fitted, weights, output) for output in range(OUTPUTS)]
        model.n_features_in_ = data.inputs.shape[1]
        return FittedModel(model, fitted[0].formula)

    def weights(self, data: Dataset, rows: int, seed: int) -> FloatArray:
        """What each member weighs, shape (len(members),), summing to one.

        Members are fitted without the last `held_out` of the first `rows` rows, and without as many rows before those
        as the horizon, and scored on them: no row from `rows` on has a part in it.
        """
        earlier = rows - self.held_out - data.horizon
        if self.sharpness == 0 or earlier < self.held_out:
            return np.full(len(self.members), 1 / len(self.members))
        fitted = [member.fit(data, earlier, seed) for member in self.members]
        score = np.array([_interval_score(data, one, slice(rows - self.held_out, rows)) for one in fitted])
        weight = (score.min() / score) ** self.sharpness
        return np.asarray(weight / weight.sum())

    def _average(self, fitted: list[FittedModel], weights: FloatArray, output: int) -> VotingRegressor:
        parts = [one.model.estimators_[output] for one in fitted]
        names = [member.name for member in self.members]
        average = VotingRegressor(list(zip(names, parts, strict=True)), weights=weights)
        average.estimators_ = parts  # each is fitted already
        return average


def _interval_score(data: Dataset, fitted: FittedModel, rows: slice) -> float:
    """Of the interval around no change that holds INTERVAL_LEVEL of these rows, in units of the usual return."""
    inputs = data.inputs[rows]
    width = np.exp(fitted.formula.log_ratio(fitted.predict(inputs), inputs))
    actual = data.actual[rows] / data.unit[rows]
    reach = width * np.quantile(np.abs(actual) / width, INTERVAL_LEVEL)
    return float(interval_scores(-reach, reach, actual).mean())
