"""MLflow's files after their folder was copied or moved: MLflow writes down the whole path of each run's."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import structlog

from training.mlflow_registry.database import FILE

log = structlog.get_logger(__name__)

# Seconds to wait for another process that writes.
BUSY_TIMEOUT = 20.0
# Where MLflow 3.17.2 writes paths of files down.
PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


def adopt(artifacts: Path, experiment: str) -> None:
    """Have the database beside the folder `artifacts` name the files in it, wherever they were written.

    Without this a copy would go on to read and write the files of the original.

    Raises:
        sqlite3.Error: the database cannot be written.
    """
    path = artifacts.parent / FILE
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT)) as connection, connection:
        query = "SELECT artifact_location FROM experiments WHERE name = ?"
        (found,) = connection.execute(query, (experiment,)).fetchone() or ("",)
        if not found.startswith("file://") or _is_same(found, artifacts):
            return
        for table, column in PATHS:
            connection.execute(
                f"UPDATE {table} SET {column} = ?1 || substr({column}, length(?2) + 1)"  # noqa: S608  # from above
                f" WHERE {column} = ?2 OR substr({column}, 1, length(?2) + 1) = ?2 || '/'",
                (artifacts.as_uri(), found),
            )
    log.info("mlflow.adopted", file=str(path), artifacts_before=found, artifacts=artifacts.as_uri())


def _is_same(uri: str, folder: Path) -> bool:
    """Whether both are one folder, if by another name, such as that of a link."""
    if uri == folder.as_uri():
        return True
    try:
        return Path(url2pathname(urlsplit(uri).path)).samefile(folder)
    except OSError:
        return False
