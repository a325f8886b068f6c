"""The list of licences names what is installed to serve and to train, and nothing that forbids it."""

import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from configuration import ROOT

LINE = re.compile(r"^\| (\S+) +\| (\S+) +\| (.+?) +\|$", re.MULTILINE)
# Of these somebody who passes the image on would have to give the source of the whole.
FORBIDDEN = re.compile(r"\b(A?GPL|GNU (Affero )?General)", re.IGNORECASE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def listed() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    return {normal(name): (number, licence) for name, number, licence in LINE.findall(text) if name != "Name"}


def locked() -> list[str]:
    text = (ROOT / "requirements" / "training.txt").read_text(encoding="utf-8")
    return [normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)]


@pytest.mark.parametrize("name", locked())
def test_every_package_is_listed_with_its_version_and_a_licence(name: str) -> None:
    try:
        installed = version(name)
    except PackageNotFoundError:
        pytest.skip("not for this system or this Python")

    number, licence = listed()[name]

    assert number == installed, "run `make licences`"
    assert not FORBIDDEN.search(licence)
