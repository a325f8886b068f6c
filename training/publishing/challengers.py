"""Publish what experiments test, under names of its own, so that it never serves as a champion."""

from collections.abc import Collection

import structlog

from configuration import Experiment, Settings
from forecasting.card import challenger_name
from forecasting.model_store import default_roots, newest_entry
from training.errors import TrainingError
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.versions.challengers import Challengers
from training.publishing.operations import Model, whole_card
from training.publishing.publish import publish

log = structlog.get_logger(__name__)


def publish_challengers(settings: Settings, registry: Registry, models: Collection[Model]) -> list[str]:
    """Publish every challenger among `models` that is not what the model store has, whole, as newest.

    Returns:
        The tags of those that were published.

    Raises:
        RegistryError: MLflow failed, or a version's files are missing or damaged.
        NotPublished: the model store could not be written.
    """
    tested = [
        (experiment, model)
        for experiment in settings.serving.experiments
        for model in sorted(experiment.keys(settings.tickers, settings.horizons) & set(models))
    ]
    tags = [_publish(settings, registry, experiment, model) for experiment, model in tested]
    return [tag for tag in tags if tag]


def republish_challengers(settings: Settings, registry: Registry, model: Model) -> None:
    """The same for a model that was just trained; a failure is logged, for the training itself has succeeded."""
    if not settings.serving.experiments:
        return
    try:
        publish_challengers(settings, registry, [model])
    except TrainingError as error:
        log.warning("challenger.not_published", ticker=model[0], horizon=model[1], problem=str(error))


def _publish(settings: Settings, registry: Registry, experiment: Experiment, model: Model) -> str:
    ticker, horizon = model
    challengers = Challengers(settings)
    is_recipe = experiment.challenger in settings.training.recipes
    version = challengers.version(ticker, horizon, experiment.challenger, is_recipe=is_recipe)
    name = challenger_name(experiment.name, ticker, horizon)
    published = whole_card(newest_entry(default_roots(settings), name))
    if version is None or (published is not None and published.version == version):
        return ""
    registered = registry.get(ticker, horizon, version)
    tag = publish(registered.card, registered.onnx, name)
    challengers.mark(experiment.name, ticker, horizon, version)
    return tag
