import gzip
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from serving.contract.problems import Problem
from serving.page.assets import STATIC, read_assets
from serving.page.routes import router

BUDGET_BYTES = 300_000


@pytest.fixture
def client() -> httpx.AsyncClient:
    application = FastAPI()
    application.include_router(router)
    transport = httpx.ASGITransport(application)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert answer.text.count("<script") == answer.text.count('<script type="module" src="/page/')
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_files_come_with_their_types_and_compressed_on_request(client: httpx.AsyncClient) -> None:
    for path, media_type in (("app.js", "text/javascript"), ("style/base.css", "text/css"), ("icon.svg", "image/svg")):
        answer = await client.get(f"/page/{path}")
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == (STATIC / path).read_bytes()
        plain = await client.get(f"/page/{path}", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content


async def test_an_unchanged_file_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/page/app.js")

    again = await client.get("/page/app.js", headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""


async def test_what_is_not_there_is_404_and_nothing_beside_the_folder_is_given(client: httpx.AsyncClient) -> None:
    for path in ("nothing.js", "%2e%2e/routes.py", "vendor/", ".gitignore"):
        with pytest.raises(Problem) as refused:
            await client.get(f"/page/{path}")
        assert refused.value.status == 404


def test_all_of_it_is_small() -> None:
    sizes = {path: len(asset.compressed) for path, asset in read_assets().items() if not path.endswith(".txt")}

    assert sum(sizes.values()) < BUDGET_BYTES, sizes


def test_assets_are_read_with_their_compressed_form(tmp_path: Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "one.js").write_bytes(b"export const one = 1;\n")
    (tmp_path / ".hidden").write_bytes(b"")

    assets = read_assets(tmp_path)

    assert list(assets) == ["views/one.js"]
    assert gzip.decompress(assets["views/one.js"].compressed) == assets["views/one.js"].content
