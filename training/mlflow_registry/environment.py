"""Variables that MLflow and its libraries read when they are imported; those that are set already win."""

import logging
import os

DEFAULTS = {
    # Git is asked for the commit by us; MLflow's own look fails loudly where there is none.
    "GIT_PYTHON_REFRESH": "quiet",
    # MLflow would otherwise try for minutes whether a server that went away comes back.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Its log goes the way of every other, and its link to each run is not printed among our lines.
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Its bars go to logs too, and one a file is none that a person follows.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Its server would keep processes for jobs that nobody submits here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # It would tell its makers which of its functions are called.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# They announce every migration of MLflow's database, every request that is tried again, and the whole statement of each
# failure of a database, which is raised, and told, all the same.
TALKATIVE = {
    "mlflow": logging.WARNING,
    "alembic": logging.WARNING,
    "urllib3": logging.ERROR,
    "mlflow.store.db.utils": logging.CRITICAL,
}


def prepare_environment() -> None:
    """Set what is not set; before MLflow is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name, level in TALKATIVE.items():
        logging.getLogger(name).setLevel(level)
