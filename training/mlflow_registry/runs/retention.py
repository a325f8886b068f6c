"""Runs that are too old leave MLflow, with their versions and files; what is or was champion stays for ever.

Once a day they are marked as deleted, as MLflow's own page does it, so they can be restored there for a month. Then
MLflow's own `mlflow gc` removes them: here where MLflow is a local file, on a server by whoever operates it.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from mlflow.entities import Run, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from training.errors import RegistryError
from training.mlflow_registry.connection import twice
from training.mlflow_registry.tags import CHAMPION_AT

log = structlog.get_logger(__name__)

# Tag of the experiment: the day of the last look.
LOOKED_ON = "old_runs_looked_for_on"
RESTORABLE_FOR = "30d"
PAGE = 1000
# Seconds that `mlflow gc` may take.
LONGEST = 600


def is_due(client: MlflowClient, experiment_id: str, now: datetime) -> bool:
    """Whether nobody has looked for old runs today; whoever asks first will."""
    today = now.date().isoformat()
    if client.get_experiment(experiment_id).tags.get(LOOKED_ON) == today:
        return False
    twice(lambda: client.set_experiment_tag(experiment_id, LOOKED_ON, today))
    return True


def forget_runs(client: MlflowClient, experiment_id: str, now: datetime, days: int) -> list[Run]:
    """Mark the runs that ended more than `days` days ago as deleted, and remove their versions from the register.

    A run whose version is or was champion, or has any alias, stays, and so does the run that it belongs to.

    Returns:
        The runs that were marked.
    """
    before = now - timedelta(days=days)
    ended = list(_ended(client, experiment_id, before))
    versions = {run.info.run_id: _versions(client, run) for run in ended}
    kept = {run.info.run_id for run in ended if any(_is_kept(version) for version in versions[run.info.run_id])}
    kept |= {run.data.tags.get(MLFLOW_PARENT_RUN_ID) for run in ended if run.info.run_id in kept}
    forgotten = [run for run in ended if run.info.run_id not in kept]
    for run in forgotten:
        for version in versions[run.info.run_id]:
            client.delete_model_version(version.name, version.version)
        for model in _logged_models(run):
            client.delete_logged_model(model)
        client.delete_run(run.info.run_id)
    if forgotten:
        log.info("runs.forgotten", runs=len(forgotten), before=before.isoformat())
    return forgotten


def remove_forgotten(client: MlflowClient, experiment_id: str, uri: str, older_than: str = RESTORABLE_FOR) -> None:
    """Remove what has been marked as deleted for longer from MLflow's database and folder at `uri`.

    Args:
        older_than: as `mlflow gc` reads it: 30d, 12h.

    Raises:
        RegistryError: `mlflow gc` failed.
    """
    if not client.search_runs([experiment_id], run_view_type=ViewType.DELETED_ONLY, max_results=1):
        return
    # A process of its own: within this one it would keep its first store for ever, and turn MLflow's clients to it.
    words = ["-m", "mlflow", "gc", "--backend-store-uri", uri, "--tracking-uri", uri, "--older-than", older_than]
    try:
        subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise RegistryError(f"mlflow gc took longer than {LONGEST} s") from None
    except subprocess.CalledProcessError as error:
        said = (str(error.stderr).strip() or "nothing").splitlines()[-1]
        raise RegistryError(f"mlflow gc failed: {said}") from None


def _ended(client: MlflowClient, experiment_id: str, before: datetime) -> Iterator[Run]:
    chosen = f"attributes.end_time < {int(before.timestamp() * 1000)}"
    token = None
    while True:
        page = client.search_runs([experiment_id], chosen, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _versions(client: MlflowClient, run: Run) -> list[ModelVersion]:
    return list(client.search_model_versions(f"run_id = '{run.info.run_id}'"))


def _is_kept(version: ModelVersion) -> bool:
    return CHAMPION_AT in version.tags or bool(version.aliases)


def _logged_models(run: Run) -> list[str]:
    return [output.model_id for output in run.outputs.model_outputs] if run.outputs else []
