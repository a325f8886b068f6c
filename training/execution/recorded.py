"""A model that is trained, logged and registered: what the decision on it takes, and no more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from training.learning.pipeline import Trained
from training.learning.promotion import Candidate
from training.mlflow_registry.versions.registered import Registered
from training.mlflow_registry.versions.rivals import Rival
from training.scoring.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class Recorded:
    """A registered version that nothing was decided on yet.

    Attributes:
        baseline: forecasts for the rows of `candidate`.
        rival: the champion when it was registered.
        scores: out of sample, by name.
    """

    registered: Registered
    candidate: Candidate
    baseline: Evaluation
    rival: Rival
    scores: Mapping[str, float]


def record(trained: Trained, rival: Rival, register: Callable[[Trained], Registered]) -> Recorded:
    """Register a trained model.

    Args:
        rival: the champion, read before, so that nothing is registered that could not be compared.

    Raises:
        RegistryError: MLflow failed.
    """
    scores = trained.metrics.model_dump() | dict(trained.comparison)
    return Recorded(register(trained), trained.candidate, trained.baselines["baseline"], rival, scores)
