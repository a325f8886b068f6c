"""The Open Inference Protocol, as clients of Triton and MLServer speak it."""

import json
from typing import Any

import numpy as np
import pytest

from features import NAMES
from serving.contract.problems import Problem
from serving.models.open_inference import Inference


@pytest.fixture
async def inference(parts: Any, publish: Any, settings: Any) -> Inference:
    publish("AAPL", version=3, below=(0.25, -0.5, 0.0), above=(0.75, 0.5, 1.0))
    publish("AAPL", horizon=5, version=4, below=(0.1, 0.0, 0.0))
    await parts.champions.look()

    async def ask(row: Any) -> Any:
        return parts.forests.predict([row])[0]

    return Inference(settings, parts.champions, ask)


async def infer(inference: Inference, name: str, content: bytes, version: str | None = None) -> Any:
    return json.loads(await inference.infer(name, content, version))


def tensor(rows: int = 1, **changed: Any) -> dict[str, Any]:
    data = np.zeros((rows, len(NAMES)))
    data[:, 0] = np.linspace(-1, 1, rows) if rows > 1 else -1
    return {"name": "X", "shape": [rows, len(NAMES)], "datatype": "FP32", "data": data.ravel().tolist(), **changed}


def body(*tensors: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": list(tensors), **more}).encode()


async def test_a_row_gets_the_outputs_of_the_forest(inference: Inference) -> None:
    answer = await infer(inference, "AAPL", body(tensor(), id="seven"))

    assert answer == {
        "model_name": "AAPL",
        "model_version": "3",
        "id": "seven",
        "outputs": [{"name": "variable", "datatype": "FP32", "shape": [1, 3], "data": [0.25, -0.5, 0.0]}],
    }


async def test_many_rows_in_their_order(inference: Inference) -> None:
    (output,) = (await infer(inference, "aapl", body(tensor(4))))["outputs"]

    assert output["shape"] == [4, 3]
    assert output["data"] == [0.25, -0.5, 0.0] * 2 + [0.75, 0.5, 1.0] * 2


async def test_nested_data_is_the_same(inference: Inference) -> None:
    nested = np.reshape(tensor(2)["data"], (2, len(NAMES))).tolist()

    assert await infer(inference, "AAPL", body(tensor(2, data=nested))) == await infer(
        inference, "AAPL", body(tensor(2))
    )


async def test_other_horizons_go_by_their_full_name(inference: Inference) -> None:
    assert (await infer(inference, "forest-AAPL-5", body(tensor())))["model_version"] == "4"
    assert (await infer(inference, "forest-AAPL-5", body(tensor()), version="4"))["model_version"] == "4"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        body(),
        body(tensor(), tensor()),
        body("X"),
        body(tensor(datatype="INT64")),
        body(tensor(shape=[1, 3])),
        body(tensor(shape=[2, len(NAMES)])),
        body(tensor(data=[])),
        body(tensor(data=[1.0] * 7)),
        body(tensor(data=["a"] * len(NAMES))),
        body(tensor(data=[float("nan")] * len(NAMES))),
        body(tensor(data=[1e300] * len(NAMES))),
        body(tensor(data=None)),
        body(tensor(data={"a": 1})),
        body(tensor(data=[[1.0], [1.0, 2.0]])),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
async def test_what_is_no_request_is_422(inference: Inference, content: bytes) -> None:
    with pytest.raises(Problem) as caught:
        await infer(inference, "AAPL", content)

    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("name", "version", "status"),
    [("NOPE", None, 404), ("AAPL", "2", 404), ("MSFT", None, 503), ("forest-X-1", "1", 404)],
)
def test_a_model_that_is_not_there(inference: Inference, name: str, version: str | None, status: int) -> None:
    with pytest.raises(Problem) as caught:
        inference.ready(name, version)

    assert caught.value.status == status


def test_without_a_model_it_names_the_status_of_the_same_horizon(inference: Inference) -> None:
    with pytest.raises(Problem, match=r"GET /model/status/MSFT\?horizon=5 says why"):
        inference.ready("forest-MSFT-5")


async def test_a_forest_that_fails_is_503(inference: Inference, parts: Any) -> None:
    parts.champions.get("AAPL", 1).forest.unlink()
    parts.forests._open.clear()  # noqa: SLF001

    with pytest.raises(Problem) as caught:
        await infer(inference, "AAPL", body(tensor()))

    assert caught.value.status == 503


def test_metadata_says_what_goes_in_and_what_comes_out(inference: Inference) -> None:
    found = inference.metadata("AAPL")

    assert found["versions"] == ["3"]
    assert found["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, len(NAMES)]}]


def test_the_index_has_every_model_ready_or_not(inference: Inference) -> None:
    found = {one["name"]: one["state"] for one in inference.index()}

    assert len(found) == 6
    assert found["forest-aapl-1"] == "READY"
    assert found["forest-tsla-5"] == "UNAVAILABLE"
