"""A PNG file that MLflow keeps as it is, where it would encode the picture once more."""

import io
from pathlib import Path
from typing import Any

from PIL.PngImagePlugin import PngImageFile


class Picture(PngImageFile):
    """A picture that is saved as the file it was read from; copies and other sizes of it are ordinary ones.

    Args:
        content: of a PNG file.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._content = content

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002  # as Pillow names it
        """Write the file to the path `fp`, which ends in `.png`; anything else as Pillow does."""
        if format is None and str(fp).endswith(".png"):
            Path(fp).write_bytes(self._content)
        else:
            super().save(fp, format, **params)
