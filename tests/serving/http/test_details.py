"""The routes beside predictions, in the running service: pages and scripts rely on their names."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.patience import PATIENT
from tests.serving.running import Service, wait_until

NEWS = """ticker,published_at,title,url,topics,tone
AAPL,2024-03-07T12:00:00Z,<img src=x onerror=alert(1)> & more,https://example.com/a?b=1&c=2,earnings,0.5
AAPL,2024-03-09T12:00:00Z,Later,https://example.com/later,,-0.5
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(start_service: Any, tmp_path_factory: pytest.TempPathFactory) -> Service:
    path = tmp_path_factory.mktemp("news") / "news.csv"
    path.write_text(NEWS)
    made: Service = start_service(
        STOCKS_TICKERS='["AAPL", "MSFT"]', STOCKS_SERVING__MAX_STREAMS="1", STOCKS_MARKET__FILES__NEWS=str(path)
    )
    return made


def test_details_of_a_ticker(service: Service) -> None:
    with httpx.Client(base_url=service.url, timeout=PATIENT) as client:
        assert len(client.get("/bars/aapl?sessions=20").json()["bars"]) == 20
        assert client.get("/interval/AAPL?horizon=5").json()["width"] > 0
        assert client.get("/reports").json() == {"reports": [], "unknown": ["AAPL", "MSFT"]}
        asked = client.get("/predict/aapl?horizon=5&quantiles=0.01,.5,0.99&above=1").json()["prediction"]
        assert [one["probability"] for one in asked["quantiles"]] == [0.01, 0.5, 0.99]
        assert asked["above"] == {"price": 1, "probability": 1}
        then = client.get("/predict/aapl?as_of=2023-06-30&horizon=5").json()
        assert (then["prediction"]["made_on"], then["data"]["known_by"]) == ("2023-06-30", "session_date")
        positions = [{"ticker": "AAPL", "quantity": 10}, {"ticker": "MSFT", "value": -500}]
        risk = client.post("/risk", json={"positions": positions, "horizon": 5}).json()
        assert [one["probability"] for one in risk["horizons"][0]["levels"]] == [0.01, 0.05]
        assert client.get("/model/versions/AAPL").json()["versions"] == []
        assert client.get("/track-record/AAPL").json()["level"] == 0.9
        record = client.get("/track-record").json()
        assert (record["horizons"], len(record["head"])) == ([], 64)
        assert {job["ticker"] for job in client.get("/model/retrain?limit=5").json()} <= {"AAPL", "MSFT"}
        assert client.get("/page/settings").json()["key_needed"] is False
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert client.get("/page/nothing.js").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/predict/AAPL?quantiles=0,1", 422),
        ("/predict/AAPL?quantiles=half", 422),
        ("/predict/AAPL?above=-1", 422),
        ("/predict/IBM?above=1", 404),
        ("/predict/AAPL?as_of=1999-12-31", 404),
        ("/predict/AAPL?as_of=2999-12-31", 422),
        ("/predict/AAPL?as_of=yesterday", 422),
        ("/reports?days=0", 422),
        ("/bars/IBM", 404),
        ("/bars/AAPL?sessions=0", 422),
        ("/bars/AAPL?session=3", 422),
        ("/interval/AAPL?horizon=2", 422),
        ("/track-record/AAPL?horizon=2", 422),
        ("/model/versions/AAPL?horizon=2", 422),
        ("/model/retrain?limit=0", 422),
        ("/events?since=1", 422),
        ("/stream/predictions?tickers=AAPL,IBM", 404),
        ("/news/IBM", 404),
        ("/news/AAPL?days=0", 422),
        ("/news/AAPL?as_of=yesterday", 422),
        ("/stream/predictions?tickers=", 422),
        ("/stream/predictions?horizon=2", 422),
        ("/stream/predictions?ticker=AAPL", 422),
    ],
)
def test_what_cannot_be_asked_is_a_problem(service: Service, path: str, status: int) -> None:
    answer = httpx.get(service.url + path, timeout=PATIENT)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("day", ["20230630", "yesterday", "1688083200", "2023-06-31", "2023-6-30"])
@pytest.mark.parametrize("path", ["/predict/AAPL", "/news/AAPL"])
def test_a_day_has_one_form(service: Service, path: str, day: str) -> None:
    answer = httpx.get(f"{service.url}{path}?as_of={day}", timeout=60)

    assert answer.status_code == 422
    assert answer.json()["detail"] == "query.as_of: give a day of the calendar as YYYY-MM-DD, such as 2023-06-30"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"positions": [{"ticker": "AAPL", "quantity": 1}], "level": 0.9}, "level"),
        ({"positions": [{"ticker": "AAPL", "quantity": 1, "price": 2}]}, "price"),
        ({"positions": [{"ticker": "AAPL"}]}, "body.positions.0: give either its quantity or its value"),
        ({"positions": [{"ticker": "AAPL", "quantity": 1, "value": 1}]}, "give either its quantity or its value"),
        (
            {"positions": [{"ticker": "AAPL", "quantity": "1"}]},
            "body.positions.0.quantity: Input should be a valid num",
        ),
    ],
)
def test_positions_of_another_form_are_a_problem_that_names_what_is_wrong(
    service: Service, body: dict[str, Any], named: str
) -> None:
    answer = httpx.post(f"{service.url}/risk", json=body, timeout=60)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert named in answer.json()["detail"]


def test_news_before_a_moment_with_nothing_in_them_that_a_page_could_run(service: Service) -> None:
    answer = httpx.get(f"{service.url}/news/aapl?as_of=2024-03-08", timeout=PATIENT)
    found = answer.json()
    assert (found["count"], found["about_earnings"], found["tone"]) == (1, 1, 0.5)
    assert found["articles"][0]["title"] == "<img src=x onerror=alert(1)> & more"
    assert found["articles"][0]["url"] == "https://example.com/a?b=1&c=2"
    assert not set(b"<>&") & set(answer.content)
    assert httpx.get(f"{service.url}/news/MSFT", timeout=PATIENT).json()["articles"] == []


def test_positions_are_sent_as_json(service: Service) -> None:
    headers = {"content-type": "text/csv"}
    assert httpx.post(f"{service.url}/risk", content=b"AAPL,1", headers=headers, timeout=60).status_code == 415


def test_events_reach_a_client_as_they_happen(service: Service) -> None:
    with httpx.Client(base_url=service.url, timeout=PATIENT) as client, client.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert until(lines, "event: hello")
        for path in ("/events", "/stream/predictions"):
            refused = httpx.get(service.url + path, timeout=PATIENT)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        assert listeners(service) == {"events": 1, "predictions": 0}
        httpx.get(f"{service.url}/predict/MSFT", headers={"Cache-Control": "no-cache"}, timeout=PATIENT)
        assert until(lines, "event: prediction")
        assert '"ticker":"MSFT"' in next(lines)


def test_predictions_reach_a_client_and_one_that_comes_back_gets_what_it_has_not_seen(service: Service) -> None:
    path = f"{service.url}/stream/predictions?tickers=msft,AAPL&horizon=5"
    wait_until(lambda: not any(listeners(service).values()), PATIENT, "room for a client")
    with httpx.stream("GET", path, timeout=PATIENT) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        refused = httpx.get(path, timeout=PATIENT)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        events = read_events(stream, 2)
    bodies = {body["ticker"]: body for _, body in events}
    assert bodies.keys() == {"AAPL", "MSFT"}
    plain = httpx.get(f"{service.url}/predict/AAPL?horizon=5", timeout=PATIENT).json()
    assert bodies["AAPL"].keys() == plain.keys()
    last_seen = {"Last-Event-ID": events[-1][0]}
    again: list[tuple[str, Any]] = []

    def come_back() -> bool:
        with httpx.stream("GET", path, timeout=PATIENT, headers=last_seen) as stream:
            if stream.status_code == 200:
                again.extend(read_events(stream, 2))
        return bool(again)

    wait_until(come_back, PATIENT, "room for another client")
    assert {body["ticker"] for _, body in again} == {"AAPL", "MSFT"}


def listeners(service: Service) -> dict[str, int]:
    text = httpx.get(f"{service.url}/metrics", timeout=PATIENT).text
    return {name: int(count) for name, count in re.findall(r'stocks_stream_listeners{stream="(.+)"} (\d+)', text)}


def read_events(stream: httpx.Response, count: int) -> list[tuple[str, Any]]:
    """Ids and bodies of the next predictions."""
    found, identity = list[tuple[str, Any]](), ""
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            identity = value
        elif name == "data" and value != "{}":
            found.append((identity, json.loads(value)))
        if len(found) == count:
            break
    return found


def test_a_client_that_left_makes_room_and_its_time_counts_as_no_latency(service: Service) -> None:
    wait_until(lambda: opens(service), 60, "room for another client")

    figures = httpx.get(f"{service.url}/performance/metrics", timeout=PATIENT).json()["request_performance"]

    assert figures["GET /events"]["p99_time"] < 1


def opens(service: Service, path: str = "/events") -> bool:
    with httpx.stream("GET", service.url + path, timeout=PATIENT) as stream:
        return stream.status_code == 200


def until(lines: Any, wanted: str) -> bool:
    return any(line == wanted for line in lines)


def test_open_streams_end_with_the_service(start_service: Any) -> None:
    ending: Service = start_service(STOCKS_TICKERS='["AAPL"]')
    with (
        httpx.stream("GET", f"{ending.url}/events", timeout=PATIENT) as stream,
        httpx.stream("GET", f"{ending.url}/stream/predictions", timeout=PATIENT) as predictions,
    ):
        lines, others = stream.iter_lines(), predictions.iter_lines()
        assert until(lines, "event: hello")
        assert until(others, "event: prediction")

        ending.end()

        assert list(lines) is not None
        assert list(others) is not None
    assert ending.process.returncode is not None
