"""One experiment as it runs: what is configured, where it stands, its challengers."""

from dataclasses import dataclass, field
from typing import Literal

from configuration import Experiment
from forecasting.model_store import PublishedModel
from serving.experiments.states import State
from serving.models.champions import Champions, Key

Arm = Literal["champion", "challenger"]


@dataclass(slots=True)
class Trial:
    """An experiment with its state, which changes, and the published models that it tests.

    Attributes:
        keys: tickers and horizons that take part.
        answered: tickers among them that the challenger answers while the experiment runs.
    """

    experiment: Experiment
    keys: frozenset[Key]
    answered: frozenset[str]
    challengers: Champions
    state: State = field(default_factory=State)

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.experiment.name

    @property
    def runs(self) -> bool:
        """Whether challengers forecast."""
        return self.state.status == "running"

    def answers(self, ticker: str, horizon: int) -> PublishedModel | None:
        """The challenger that answers in the champion's place, if one does."""
        if not self.runs or ticker not in self.answered or (ticker, horizon) not in self.keys:
            return None
        return self.challengers.get(ticker, horizon)

    def label(self, arm: Arm) -> str:
        """What lines of the track record name an arm; another one after each start."""
        return f"{self.name}/{self.state.trial}/{arm}"
