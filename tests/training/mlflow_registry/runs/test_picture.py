"""Pictures as MLflow is given them."""

import io
from pathlib import Path

from PIL import Image

from training.mlflow_registry.runs.picture import Picture


def test_a_picture_is_saved_as_the_file_it_was_and_its_copies_as_ordinary_pictures(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, format="png", compress_level=1)
    picture = Picture(file.getvalue())

    picture.save(tmp_path / "same.png")
    picture.save(tmp_path / "other.webp")
    picture.resize((16, 16)).save(tmp_path / "small.png")

    assert (tmp_path / "same.png").read_bytes() == file.getvalue()
    sizes = {path.name: Image.open(io.BytesIO(path.read_bytes())).size for path in tmp_path.iterdir()}
    assert sizes == {"same.png": (256, 256), "other.webp": (256, 256), "small.png": (16, 16)}
