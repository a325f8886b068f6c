import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog.testing
from fastapi import Depends, FastAPI, Request, Response

from configuration import ConfigurationError, Settings
from serving.contract.problems import Problem
from serving.http.api_keys import REPLACEMENT_SECONDS, ApiKeys
from serving.http.auth import check_permission

Ask = Callable[..., Awaitable[int]]
HERE = ("127.0.0.1", 4711)
KEYS = json.dumps(["correct-horse", "battery-staple"])


def application(settings: Settings) -> FastAPI:
    app = FastAPI()
    app.state.api_keys = ApiKeys(settings.security)

    @app.post("/change", dependencies=[Depends(check_permission)])
    async def change() -> str:
        return "changed"

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Any) -> Response:
        return Response(error.detail, int(error.status), dict(error.headers))

    return app


async def post(settings: Settings, client: tuple[str, int] = HERE, **headers: str) -> httpx.Response:
    encoded = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items() if text]
    transport = httpx.ASGITransport(application(settings), client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as connection:
        return await connection.post("/change", headers=encoded)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
async def test_without_keys_this_machine_may(settings: Settings, host: str) -> None:
    assert (await post(settings, (host, 4711))).status_code == 200


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.2", "2001:db8::1", "testclient", ""])
async def test_and_nobody_else(settings: Settings, host: str) -> None:
    answer = await post(settings, (host, 4711))

    assert answer.status_code == 403
    assert "security.api_keys" in answer.text


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP"])
async def test_what_came_through_an_unknown_proxy_is_not_from_this_machine(settings: Settings, header: str) -> None:
    assert (await post(settings, HERE, **{header: "127.0.0.1"})).status_code == 403


async def test_a_trusted_proxy_told_the_server_who_asks(settings: Settings) -> None:
    """The server puts the address into the request, with port 0, and leaves the header."""
    assert (await post(settings, ("127.0.0.1", 0), X_Forwarded_For="127.0.0.1")).status_code == 200
    assert (await post(settings, ("10.0.0.7", 0), X_Forwarded_For="10.0.0.7")).status_code == 403


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://evil.example:3000", "null", "null://x", "http://[::1", "http://localhost:3001"],
)
async def test_a_foreign_page_in_a_browser_here_may_not(settings: Settings, origin: str) -> None:
    assert (await post(settings, Origin=origin)).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin, cross-site"])
async def test_a_browser_that_is_not_on_a_page_of_this_service_may_not(settings: Settings, site: str) -> None:
    assert (await post(settings, Sec_Fetch_Site=site)).status_code == 403
    assert (await post(settings, Sec_Fetch_Site=site, Origin="http://localhost:3000")).status_code == 403


async def test_a_page_of_this_very_service_may(settings: Settings) -> None:
    assert (await post(settings, Origin="http://localhost:3000", Sec_Fetch_Site="same-origin")).status_code == 200
    assert (await post(settings, Origin="http://localhost:3000")).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example@localhost", "localhost@evil", "localhost.evil", "[::1"])
async def test_a_name_that_was_bent_to_this_machine_may_not(settings: Settings, host: str) -> None:
    assert (await post(settings, Host=host)).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST:80"])
async def test_every_name_of_this_machine_may(settings: Settings, host: str) -> None:
    assert (await post(settings, Host=host)).status_code == 200


@pytest.mark.parametrize("key", ["correct-horse", "battery-staple"])
async def test_each_configured_key_opens_from_anywhere(make_settings: Callable[..., Settings], key: str) -> None:
    settings = make_settings(security__api_keys=KEYS)

    assert (await post(settings, ("10.0.0.7", 1), Authorization=f"Bearer {key}")).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer wrong", "Bearer ", "Basic correct-horse", "battery-staple", "Bearer \xfc"]
)
async def test_anything_else_does_not_not_even_from_here(make_settings: Callable[..., Settings], given: str) -> None:
    settings = make_settings(security__api_keys=KEYS)
    answer = await post(settings, Authorization=given)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "horse" not in answer.text


async def test_keys_of_a_file_rotate_without_a_restart(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# rotated monthly\nfirst-key-of-all\n\nshort\n", encoding="utf-8")
    app = application(make_settings(security__api_keys_file=str(file)))

    async def status(key: str) -> int:
        transport = httpx.ASGITransport(app, client=HERE)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as connection:
            return (await connection.post("/change", headers={"Authorization": f"Bearer {key}"})).status_code

    assert [await status(key) for key in ("first-key-of-all", "short", "# rotated monthly", "")] == [200, 401, 401, 401]
    new = tmp_path / "new"
    new.write_text("second-key-of-all\n", encoding="utf-8")
    new.replace(file)
    assert [await status(key) for key in ("first-key-of-all", "second-key-of-all")] == [401, 200]
    file.write_text("", encoding="utf-8")
    assert [await status(key) for key in ("second-key-of-all", "")] == [401, 401], "an empty file opens to nobody"


@pytest.mark.parametrize("keys", [[""], ["1234567"], ["long-enough", ""]])
def test_empty_and_short_keys_stop_the_start(make_settings: Callable[..., Settings], keys: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="has at least 8 characters") as caught:
        make_settings(security__api_keys=keys)

    assert "1234567" not in str(caught.value)


def test_a_missing_file_of_keys_stops_the_start(make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        make_settings(security__api_keys_file="/nowhere/keys")


@pytest.mark.parametrize(
    ("content", "told"),
    [("# keys\nfirst-key-of-all\nSECRET-ké-of-all\n".encode(), "character 9 of line 3"), (b"SECRET-k\xe9y", "UTF-8")],
)
def test_a_key_in_the_file_that_cannot_be_sent_stops_the_start(
    make_settings: Callable[..., Settings], tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        make_settings(security__api_keys_file=str(tmp_path / "keys"))
    assert "SECRET" not in str(caught.value)


def test_a_key_that_cannot_be_sent_and_comes_later_opens_nothing(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    file = tmp_path / "keys"
    file.write_text("\ufefffirst-key-of-all\r\n", encoding="utf-8")
    keys = ApiKeys(make_settings(security__api_keys_file=str(file)).security)
    assert keys.accept("first-key-of-all")
    (tmp_path / "new").write_text("second-ké-of-all\nthird-key-of-all\n", encoding="utf-8")
    (tmp_path / "new").replace(file)
    with structlog.testing.capture_logs() as lines:
        assert [keys.accept(key) for key in ("second-ké-of-all", "third-key-of-all")] == [False, True]
    assert [(line["event"], line["lines"]) for line in lines] == [("api_keys.unusable", [1])]
    assert "second" not in str(lines)


def test_keys_of_a_file_that_is_gone_for_longer_than_a_replacement_open_nothing(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    file, now = tmp_path / "keys", [0.0]
    file.write_text("first-key-of-all\n", encoding="utf-8")
    settings = make_settings(security__api_keys=KEYS, security__api_keys_file=str(file))
    keys = ApiKeys(settings.security, lambda: now[0])
    assert keys.accept("first-key-of-all")
    file.rename(tmp_path / "away")
    assert keys.accept("first-key-of-all"), "another may take its place"
    now[0] = REPLACEMENT_SECONDS + 1
    with structlog.testing.capture_logs() as lines:
        assert [keys.accept(key) for key in ("first-key-of-all", "", "correct-horse")] == [False, False, True]
    assert [line["event"] for line in lines] == ["api_keys.revoked"]
    assert keys.configured, "strangers on this machine are not let in for it"
    (tmp_path / "away").rename(file)
    assert keys.accept("first-key-of-all"), "the very file is back"
    now[0] += 3600
    file.unlink()
    assert not keys.accept("first-key-of-all"), "nobody asked for an hour: it may have been gone for as long"


def test_a_file_of_keys_that_cannot_be_read_for_a_while_revokes_nothing(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    file, now = tmp_path / "keys", [0.0]
    file.write_text("first-key-of-all\n", encoding="utf-8")
    keys = ApiKeys(make_settings(security__api_keys_file=str(file)).security, lambda: now[0])
    assert keys.accept("first-key-of-all")
    file.write_bytes(b"\xff\xff\xff")
    now[0] = 3600.0
    assert keys.accept("first-key-of-all")
