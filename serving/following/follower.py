"""Keeps a model store in step with the champions of an MLflow server."""

from collections.abc import Collection
from pathlib import Path
from time import monotonic, sleep

import structlog

from forecasting.card import CARD_FILE, FOREST_FILE, ModelCard
from forecasting.model_store import UnreadableModel
from serving.following import store
from serving.following.registry import Champion, ChampionRegistry, RegistryUnreachable

log = structlog.get_logger(__name__)

# Folder of a run's artifacts that holds what serving needs; training writes it before a version becomes champion.
ARTIFACTS = "publish"
POLL_SECONDS = 1.0
# A look through all champions is due at least this often, and takes at most this share of the time.
LOOK_SECONDS = 60.0
LOOK_SHARE = 0.1


class Follower:
    """Brings each new champion into `root`; what fails is tried again, and is nobody else's trouble."""

    def __init__(self, registry: ChampionRegistry, root: Path, names: Collection[str]) -> None:
        """Follow what is stored as one of `names`; nothing else is served here."""
        self._registry = registry
        self._root = root
        self._names = frozenset(names)
        self._published: dict[str, int | None] = {}
        self._complete = False
        self._changed_at: str | None = None
        self._looked_at = float("-inf")
        self._next_look = float("-inf")
        self._is_cut_off = False

    def follow(self) -> None:
        """Look again and again, for ever."""
        self._root.mkdir(parents=True, exist_ok=True)
        while True:
            self.try_to_look()
            sleep(POLL_SECONDS)

    def try_to_look(self) -> None:
        """Look, and log once when MLflow does not answer any more and once when it does again."""
        try:
            self.look()
        except RegistryUnreachable as error:
            if not self._is_cut_off:
                log.warning("mlflow.unavailable", address=self._registry.address, problem=str(error))
            self._is_cut_off = True
        else:
            if self._is_cut_off:
                log.info("mlflow.available", address=self._registry.address)
            self._is_cut_off = False

    def look(self) -> None:
        """Bring what has changed, if anything has.

        Raises:
            RegistryUnreachable: MLflow does not answer.
        """
        changed_at = self._registry.changed_at()
        began = monotonic()
        unchanged = self._complete and changed_at == self._changed_at
        if began < self._next_look or (unchanged and began - self._looked_at < LOOK_SECONDS):
            return
        brought = [
            self._bring(champion) for champion in self._registry.champions() if champion.stored_as in self._names
        ]
        self._complete, self._changed_at, self._looked_at = all(brought), changed_at, began
        self._next_look = monotonic() + (monotonic() - began) * (1 / LOOK_SHARE - 1)

    def _bring(self, champion: Champion) -> bool:
        """Whether the store has it."""
        name = champion.stored_as
        if name not in self._published:
            self._published[name] = store.published_version(self._root, name)
        if self._published[name] == champion.version:
            return True
        try:
            run_id = self._registry.run_of(champion)
            card = ModelCard.model_validate_json(self._registry.file(run_id, f"{ARTIFACTS}/{CARD_FILE}"))
            forest = self._registry.file(run_id, f"{ARTIFACTS}/{FOREST_FILE}")
            store.put(self._root, name, card.model_copy(update={"version": champion.version}), forest)
        except (RegistryUnreachable, UnreadableModel, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            log.warning("champion.not_followed", model=name, version=champion.version, problem=reason)
            return False
        self._published[name] = champion.version
        log.info("champion.followed", model=name, version=champion.version)
        return True
