"""Champions reach the store of a service that has no MLflow, over MLflow's REST interface alone."""

import subprocess
from pathlib import Path

import pytest

from configuration import Settings
from forecasting.card import challenger_name, model_name
from forecasting.model_store import newest_entry, newest_folder, read_published_model
from market.calendar.sessions import Sessions
from serving.following.follower import Follower
from serving.following.registry import ChampionRegistry, RegistryUnreachable
from tests.mlflow_servers import end_tree
from training.learning.pipeline import Trained
from training.mlflow_registry.registry import Registry
from training.mlflow_registry.versions.challengers import Challengers
from training.publishing.operations import release, roll_back

NAME = model_name("TEST", 1)


def version_in(root: Path) -> int | None:
    folder = newest_folder([root], "TEST", 1)
    return read_published_model(folder).card.version if folder is not None else None


@pytest.mark.slow
@pytest.mark.fault
def test_a_follower_takes_champions_and_rollbacks_and_outlives_the_server(
    settings: Settings,
    sessions: Sessions,
    model_store: Path,
    trained: Trained,
    server: "tuple[str, subprocess.Popen[bytes]]",
    tmp_path: Path,
) -> None:
    url, process = server
    training = settings.training.model_copy(update={"tracking_uri": url})
    registry_settings = settings.model_copy(update={"training": training})
    registry = Registry(registry_settings, sessions)
    root = tmp_path / "elsewhere" / "models"
    root.mkdir(parents=True)
    with ChampionRegistry(url) as champions:
        follower = Follower(champions, root, [NAME])
        follower.look()
        assert version_in(root) is None

        with registry.pipeline_run("first", {}):
            registered = registry.record(trained)
            release(registry, registered)
        follower.look()
        assert version_in(root) == 1
        here, there = newest_folder([model_store], "TEST", 1), newest_folder([root], "TEST", 1)
        assert here is not None
        assert there is not None
        assert (there / "forest.onnx").read_bytes() == (here / "forest.onnx").read_bytes()

        with registry.pipeline_run("second", {}):
            release(registry, registry.record(trained))
        Follower(champions, root, [NAME]).look()  # one that was started anew
        assert version_in(root) == 2

        roll_back(registry, "TEST", 1)
        Follower(champions, root, [NAME]).look()
        assert version_in(root) == 1

        tested = challenger_name("tenth", "TEST", 1)
        Challengers(registry_settings).mark("tenth", "TEST", 1, 2)
        Follower(champions, root, [NAME, tested]).look()
        folder = newest_entry([root], tested)
        assert folder is not None
        assert read_published_model(folder).card.version == 2
        assert version_in(root) == 1

        end_tree(process.pid)
        with pytest.raises(RegistryUnreachable):
            follower.look()
        assert version_in(root) == 1
