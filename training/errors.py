"""What can go wrong with one model; the others go on.

TrainingError
  TooFewSessions   the history is too short to learn from and to test on
  NothingMoves     the price stands still
  Deviation        two computations that must agree do not
  RegistryError    MLflow could not do what was asked
  NotPublished     the model store could not be written
  NoSearch         hyperparameters cannot be searched for
  NoBacktest       a ticker that was asked for has no forecasts
"""

from collections.abc import Iterator


class TrainingError(Exception):
    """Base of all of them; the text is one line that names the ticker and what to do."""


class TooFewSessions(TrainingError):
    """The history is too short to learn from and to test on."""


class NothingMoves(TrainingError):
    """The price stands still, so there is nothing to learn and nothing to score."""


class Deviation(TrainingError):
    """Two computations that must agree do not: features and their reference, or ONNX and scikit-learn."""


class RegistryError(TrainingError):
    """MLflow could not be reached, or has no such model or version."""


class NotPublished(TrainingError):
    """The model store could not be written; the model that served before serves on."""


class NoSearch(TrainingError):
    """Hyperparameters cannot be searched for: optuna, its database, or a history that is long enough is missing."""


class NoBacktest(TrainingError):
    """A ticker that was asked for has no forecasts, and a portfolio without it would be another."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, the last one first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
