"""Operations on the register that reach the running service."""

from collections.abc import Sequence
from hashlib import sha256

from configuration import Settings, home
from forecasting.card import ModelCard
from forecasting.model_store import UnreadableModel, default_roots, newest_folder, read_published_model
from training.errors import RegistryError
from training.mlflow_registry.registry import Registered, Registry, Standing
from training.publishing.publish import prepare, publish
from training_queue.publications import Publications

Model = tuple[str, int]


def release(registry: Registry, registered: Registered) -> str:
    """Make a version champion and publish it; the files are made and checked before anything points at them.

    Returns:
        Its tag in the model store.

    Raises:
        Deviation: the ONNX file does not compute what the model does; the old champion stays.
        RegistryError: MLflow failed; the old champion stays.
    """
    card, forest = prepare(registered)
    registry.keep_for_followers(card, forest)
    with Publications(home()).under_way(card.ticker, card.horizon):
        registry.make_champion(card.ticker, card.horizon, registered.version)
        return publish(card, forest)


def promote(registry: Registry, ticker: str, horizon: int, version: int) -> str:
    """Make any version champion by hand, and publish it.

    Returns:
        Its tag in the model store.

    Raises:
        RegistryError: there is no such version, or MLflow failed.
    """
    tag = release(registry, registry.get(ticker, horizon, version))
    registry.overrule(ticker, horizon, version, "promoted", "by hand")
    return tag


def roll_back(registry: Registry, ticker: str, horizon: int) -> int:
    """Make the champion before this one champion again, and publish it.

    Returns:
        Its version.

    Raises:
        RegistryError: there is none, or MLflow failed.
    """
    with Publications(home()).under_way(ticker, horizon):
        version = registry.roll_back(ticker, horizon)
        publish(*prepare(registry.get(ticker, horizon, version)))
    return version


def publish_champions(settings: Settings, registry: Registry, models: Sequence[Model]) -> list[str]:
    """Publish every champion that is not what the model store has, whole, as newest.

    Returns:
        The tags of those that were published.

    Raises:
        RegistryError: MLflow failed.
    """
    tags = []
    for ticker, horizon in models:
        version = registry.champion(ticker, horizon)
        if version is not None and str(version) != published_version(settings, ticker, horizon):
            tags.append(publish(*prepare(registry.get(ticker, horizon, version))))
    return tags


def standings(settings: Settings, registry: Registry, models: Sequence[Model]) -> list[tuple[str, int, Standing, str]]:
    """Where each model stands, and the version that is published.

    Raises:
        RegistryError: MLflow failed.
    """
    return [
        (ticker, horizon, registry.standing(ticker, horizon), published_version(settings, ticker, horizon))
        for ticker, horizon in models
    ]


def published_version(settings: Settings, ticker: str, horizon: int) -> str:
    """The version that the model store has as newest; empty when there is none that can be read."""
    card = newest_card(settings, ticker, horizon)
    return str(card.version) if card is not None else ""


def newest_card(settings: Settings, ticker: str, horizon: int) -> ModelCard | None:
    """The card of the newest published model, if there is one whose files are whole."""
    folder = newest_folder(default_roots(settings), ticker, horizon)
    try:
        published = read_published_model(folder) if folder is not None else None
        if published is None or sha256(published.forest.read_bytes()).hexdigest() != published.card.forest_sha256:
            return None
    except (UnreadableModel, OSError):
        return None
    return published.card


def only_with_champion(registry: Registry, models: Sequence[Model]) -> list[Model]:
    """Those of `models` that have a champion.

    Raises:
        RegistryError: none has.
    """
    found = [model for model in models if registry.champion(*model) is not None]
    if not found:
        names = ", ".join(sorted({ticker for ticker, _ in models}))
        raise RegistryError(f"{names}: there is no champion; train one with `python -m training train`")
    return found
