"""Operations on the register that reach the running service."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from configuration import Settings, home
from forecasting.card import ModelCard
from forecasting.model_store import UnreadableModel, default_roots, newest_folder, read_published_model
from forecasting.next_training import fate_of_recipe
from training.errors import RegistryError
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.versions.aliases import Aliases
from training.mlflow_registry.versions.registered import Registered
from training.mlflow_registry.versions.standings import Standing
from training.publishing.publish import publish
from training_queue.publications import Publications

Model = tuple[str, int]
# Versions that a message names at most, the last ones.
LISTED = 20


def release(registry: Registry, registered: Registered, seen: Aliases | None = None) -> str:
    """Make a version champion and publish it.

    Args:
        seen: as `Registry.make_champion` takes it.

    Returns:
        Its tag in the model store.

    Raises:
        RegistryError: MLflow failed; the old champion stays.
        NotPublished: the model store could not be written; the old model serves on.
    """
    card = registered.card
    with Publications(home()).under_way(card.ticker, card.horizon):
        registry.make_champion(card.ticker, card.horizon, registered.version, seen)
        return publish(card, registered.onnx)


def promote(registry: Registry, ticker: str, horizon: int, version: int, *, force: bool = False) -> str:
    """Make any version champion by hand, and publish it; the alias moves after all files are read and checked.

    Args:
        force: also a version trained on simulated prices while one trained on real ones is champion.

    Returns:
        Its tag in the model store.

    Raises:
        RegistryError: there is no such version, it is refused, or MLflow failed.
    """
    _check_is_there(registry, ticker, horizon, version)
    registered = registry.get(ticker, horizon, version)
    champion = registry.champion(ticker, horizon)
    serves_real = champion is not None and not registry.is_simulated(ticker, horizon, champion)
    if registered.card.simulated and serves_real and not force:
        raise RegistryError(
            f"{ticker} at horizon {horizon}: version {version} was trained on simulated prices, and version {champion},"
            " which serves, on real ones; add --force to promote it all the same"
        )
    tag = release(registry, registered)
    registry.overrule(ticker, horizon, version, "promoted", "by hand")
    return tag


def _check_is_there(registry: Registry, ticker: str, horizon: int, version: int) -> None:
    there = registry.numbers(ticker, horizon)
    if version in there:
        return
    shown = ("… " if len(there) > LISTED else "") + ", ".join(map(str, there[-LISTED:]))
    remedy = f"there are {shown}" if there else "there is none; train one with `python -m training train`"
    raise RegistryError(f"{ticker} at horizon {horizon}: there is no version {version}; {remedy}")


def fate_in_next_training(settings: Settings, ticker: str, horizon: int) -> str:
    """What the next training does to a champion whose recipe it does not try; empty where it tries it."""
    card = newest_card(settings, ticker, horizon)
    fate = fate_of_recipe(settings, card.recipe) if card else ""
    return f"{ticker} at horizon {horizon}: {fate}" if fate else ""


def roll_back(registry: Registry, ticker: str, horizon: int) -> int:
    """Make the champion before this one champion again, and publish it; the alias moves after its files are read.

    Returns:
        Its version.

    Raises:
        RegistryError: there is none, its files are missing or damaged, or MLflow failed.
        NotPublished: the model store could not be written.
    """
    version = registry.earlier_champion(ticker, horizon)
    registered = registry.get(ticker, horizon, version)
    with Publications(home()).under_way(ticker, horizon):
        registry.roll_back(ticker, horizon, version)
        publish(registered.card, registered.onnx)
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
            registered = registry.get(ticker, horizon, version)
            tags.append(publish(registered.card, registered.onnx))
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
    return whole_card(newest_folder(default_roots(settings), ticker, horizon))


def whole_card(folder: Path | None) -> ModelCard | None:
    """The card of the published model in `folder`, if there is one whose files are whole."""
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
