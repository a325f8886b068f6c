"""Whatever a file of settings holds: it gives settings, or one line that names what is wrong."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import configuration
from configuration import ConfigurationError, Settings, load

GROUPS = sorted(name for name in Settings.model_fields if name not in {"tickers", "horizons"})
KEYS = st.sampled_from(
    ["tickers", "horizons", *GROUPS, "recipes", "forest", "files", "tiingo", "directory", "timeout", "quota", "api_key"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=3),
    st.text(max_size=5),
    st.sampled_from(["AAPL", "", "3", "http://host", "1/second", ".inf"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(KEYS | SCALARS, inside, max_size=3)),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("any") / "mine.yaml"
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith("STOCKS_") or name in configuration.WELL_KNOWN:
                environment.delenv(name)
        environment.setenv("STOCKS_HOME", str(path.parent / "home"))
        environment.setenv("STOCKS_CONFIGURATION", str(path))
        yield path


def outcome(file: Path, content: bytes) -> Settings | str:
    file.write_bytes(content)
    try:
        return load()
    except ConfigurationError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    assert said.isprintable()
    return said


@settings(max_examples=60, deadline=None)
@given(document=st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_document(file: Path, document: dict[str, Any]) -> None:
    outcome(file, yaml.safe_dump(document, allow_unicode=True).encode())


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=20) | st.text("atickers: !&*[]{}?-|>'\"#\n01e.~", max_size=20).map(str.encode))
@example(content=b"[" * 3000)
@example(content=b"1: 2")
@example(content=b"_env_prefix: x")
@example(content=b"market: &a {tiingo: *a}")
def test_any_bytes(file: Path, content: bytes) -> None:
    outcome(file, content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 1\ntickers: [\xe9]", "mine.yaml:2: not text in UTF-8"),
        (b"training: [a]", "training: Input should be a valid dictionary"),
        (b"training: {recipes: {forest: 3}}", "training.recipes.forest = 3: Input should be a valid dictionary"),
        (b"training: {recipes: {forest: {n_estimators: .nan}}}", "training.recipes.forest.n_estimators = nan: must be"),
        (b"horizons: [1]\ntickers: 2024-13-45", "mine.yaml:2: not valid YAML: this is no timestamp; put it in quotes"),
        (b"tickers: !!bool foo", "mine.yaml:1: not valid YAML: this is no bool"),
        (b"a\n\x00b", "mine.yaml:2: not valid YAML: special characters are not allowed"),
        (b"_env_prefix: x", "_env_prefix: no such setting"),
        (b"market: {timeout: .inf}", "market.timeout = Infinity: Input should be a finite number"),
        (
            b"market: {quote_ttl: 1.0e+300}",
            "market.quote_ttl = 1e+300: Input should be less than or equal to 315360000",
        ),
        (b"cache: {memory_ttl: .nan}", "cache.memory_ttl = NaN: Input should be a finite number"),
        (b"security: {trusted_proxies: [not an ip]}", 'security.trusted_proxies.0 = "not an ip": must be an IP addr'),
        (b"security: {trusted_proxies: [10.0.0.1/8]}", 'security.trusted_proxies.0 = "10.0.0.1/8": must be'),
        (b"market: {providers: [files], files: {directory: ''}}", "market.files.directory must name a directory"),
    ],
)
def test_what_is_told(file: Path, content: bytes, told: str) -> None:
    said = outcome(file, content)
    assert isinstance(said, str)
    assert told in said


@pytest.mark.parametrize(
    "content",
    [b"training:\n  # refit_every: 21\n", b"training: {recipes: null}", b"training: {recipes: {forest: null}}", b""],
)
def test_a_group_with_nothing_below_it_changes_nothing(file: Path, content: bytes) -> None:
    found, before = outcome(file, content), outcome(file, b"{}")
    assert isinstance(found, Settings)
    assert found == before


def test_proxies_are_addresses_and_networks(file: Path) -> None:
    found = outcome(file, b"security: {trusted_proxies: ['10.0.0.0/8', ' ::1', 192.168.1.1]}")
    assert isinstance(found, Settings)
    assert found.security.trusted_proxies == ("10.0.0.0/8", "::1", "192.168.1.1")


@pytest.mark.parametrize("name", ["DIRECTORY", "REPORTS", "NEWS"])
def test_an_empty_path_counts_as_not_set(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"STOCKS_MARKET__FILES__{name}", "")
    found = outcome(file, b"")
    assert isinstance(found, Settings)
    assert getattr(found.market.files, name.lower()) is None
