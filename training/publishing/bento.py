"""Pack the service and every champion into a bento, and export it as one file."""

import tempfile
from pathlib import Path

import bentoml
import yaml

from configuration import ROOT, Settings
from forecasting.model_store import default_roots, newest_folder
from training.errors import TrainingError


class NothingPublished(TrainingError):
    """There is no model to put into a bento."""


def build_bento(settings: Settings, export: Path, *, allow_empty: bool = False) -> tuple[str, int]:
    """Build a bento from `bentofile.yaml` with the champions inside, and export it to the file `export`.

    Args:
        allow_empty: build one without models too; the baseline answers until models are published.

    Returns:
        Its tag, and the number of models in it.

    Raises:
        NothingPublished: no model was published yet.
    """
    models = _champions(settings)
    if not models and not allow_empty:
        raise NothingPublished("no model is published yet; run `make train` first")
    options = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(options | {"models": models}, file)
        file.flush()
        bento = bentoml.bentos.build_bentofile(file.name, build_ctx=str(ROOT))
    export.parent.mkdir(parents=True, exist_ok=True)
    export.unlink(missing_ok=True)
    bento.export(str(export))
    return str(bento.tag), len(models)


def _champions(settings: Settings) -> list[str]:
    roots = default_roots(settings)
    folders: list[Path | None] = [
        newest_folder(roots, ticker, horizon) for ticker in settings.tickers for horizon in settings.horizons
    ]
    return [f"{folder.parent.name}:{folder.name}" for folder in folders if folder is not None]
