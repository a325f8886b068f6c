from pathlib import Path
from typing import Any

from configuration import Settings
from serving.details.versions import published_versions


def test_versions_the_newest_first_with_the_one_that_serves(settings: Settings, publish: Any, store: Path) -> None:
    first = publish("AAPL", 1, version=1)
    publish("AAPL", 1, version=2)
    publish("AAPL", 5, version=3)
    publish("MSFT", 1, version=4)

    found = published_versions(settings, [store], first, "aapl", 1)

    assert found.name == "forest-AAPL-1"
    assert [(version.version, version.serving) for version in found.versions] == [(2, False), (1, True)]
    assert found.versions[0].metrics == first.card.metrics


def test_a_damaged_card_hides_no_other(settings: Settings, publish: Any, store: Path) -> None:
    publish("AAPL", 1, version=1)
    (publish("AAPL", 1, version=2).folder / "card.json").write_text("{", encoding="utf-8")

    found = published_versions(settings, [store], None, "AAPL", 1)

    assert [version.version for version in found.versions] == [1]


def test_without_a_model_there_is_no_version(settings: Settings, store: Path) -> None:
    assert published_versions(settings, [store], None, "AAPL", 1).versions == []
