"""The trials of a search in an SQLite database, so that one that was interrupted goes on where it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from training.errors import NoSearch
from training.search.space import Range

FILE = "search.db"
# Seconds to wait for another process that writes.
LOCK_TIMEOUT = 60


class Study:
    """The trials of one recipe on the same bars; the higher their score, the better."""

    def __init__(self, folder: Path, name: str, space: dict[str, Range], seed: int) -> None:
        """Open it, or begin it.

        Raises:
            NoSearch: optuna is not installed, or the database cannot be read or written.
        """
        self._optuna = _optuna()
        self._path = folder / FILE
        self._space = space
        with self._translated():
            storage = self._optuna.storages.RDBStorage(
                f"sqlite:///{self._path}", engine_kwargs={"connect_args": {"timeout": LOCK_TIMEOUT}}
            )
            self._study = self._optuna.create_study(
                storage=storage, study_name=name, direction="maximize", load_if_exists=True
            )
            # Another seed each time that it is opened, so that it does not draw the same again.
            self._study.sampler = self._optuna.samplers.TPESampler(seed=seed + len(self._study.trials))

    @property
    def done(self) -> int:
        """Trials that have a score."""
        with self._translated():
            return len(self._complete())

    def try_first(self, values: dict[str, float]) -> None:
        """Have the next trial take these values, unless a trial with a score did."""
        with self._translated():
            if not any(trial.params == values for trial in self._complete()):
                self._study.enqueue_trial(values)

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Number and values of the next trial."""
        with self._translated():
            trial = self._study.ask()
            values = {name: self._suggested(trial, name, one) for name, one in self._space.items()}
            return int(trial.number), values

    def tell(self, number: int, score: float) -> None:
        """The score of a trial."""
        with self._translated():
            self._study.tell(number, score)

    def best(self) -> tuple[int, dict[str, Any], float]:
        """Number, values and score of the best trial; one has a score."""
        with self._translated():
            trial = self._study.best_trial
            return int(trial.number), dict(trial.params), float(trial.value or 0.0)

    def score_of(self, values: dict[str, float]) -> float:
        """The score of the trial with these values."""
        with self._translated():
            return next(float(trial.value or 0.0) for trial in self._complete() if trial.params == values)

    def scores(self) -> list[float]:
        """Of all trials that have one, in order."""
        with self._translated():
            return [float(trial.value or 0.0) for trial in self._complete()]

    def _suggested(self, trial: Any, name: str, one: Range) -> Any:
        if one.integer:
            return trial.suggest_int(name, int(one.low), int(one.high), log=True)
        return trial.suggest_float(name, one.low, one.high, log=True)

    def _complete(self) -> list[Any]:
        states = (self._optuna.trial.TrialState.COMPLETE,)
        return list(self._study.get_trials(deepcopy=False, states=states))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, RuntimeError, self._optuna.exceptions.StorageInternalError) as error:
            reason = " ".join(str(error.__cause__ or error).split())[:200]
            raise NoSearch(f"{self._path}: {reason}; move it away to begin anew") from error


def _optuna() -> Any:
    try:
        import optuna  # noqa: PLC0415  # optional group `search`
    except ImportError:
        raise NoSearch("search needs the packages of the group `search`; run `make search`") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
