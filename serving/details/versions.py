"""The published versions of a model, from their cards in the model store."""

from collections.abc import Sequence
from pathlib import Path

from configuration import Settings
from forecasting.card import ModelCard, model_name
from forecasting.model_store import PublishedModel, published_models
from serving.contract.details import VersionAnswer, VersionsAnswer
from serving.contract.validation import check_horizon, check_ticker

MOST_VERSIONS = 20


def published_versions(
    settings: Settings, roots: Sequence[Path], serving: PublishedModel | None, ticker: str, horizon: int
) -> VersionsAnswer:
    """The last MOST_VERSIONS of a ticker and horizon; reads files.

    Args:
        roots: folders of model stores.
        serving: the one that answers now, if any does.

    Raises:
        Problem: 422 or 404 for what cannot be asked.
    """
    ticker = check_ticker(ticker, settings)
    check_horizon(horizon, settings)
    cards = {one.card.version: one.card for one in published_models(roots, ticker, horizon)}
    newest = sorted(cards.values(), key=lambda card: card.version, reverse=True)[:MOST_VERSIONS]
    current = serving.card.version if serving else None
    return VersionsAnswer(
        ticker=ticker,
        horizon=horizon,
        name=model_name(ticker, horizon),
        versions=[_version(card, current) for card in newest],
    )


def _version(card: ModelCard, current: int | None) -> VersionAnswer:
    return VersionAnswer(
        version=card.version,
        serving=card.version == current,
        run_id=card.run_id,
        trained_at=card.trained_at,
        trained_from=card.trained_from,
        trained_to=card.trained_to,
        source=card.source,
        inputs=len(card.features),
        shrinkage=card.shrinkage,
        metrics=card.metrics,
    )
