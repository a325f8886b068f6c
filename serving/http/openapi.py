"""The one description of the API: FastAPI's routes, and what is answered before it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from configuration import TICKER_PATTERN, Settings
from serving.contract.predictions import Predictions, PredictionsRequest
from serving.contract.problems import MEDIA_TYPE
from serving.contract.schemas import ProblemDetails

Json = dict[str, Any]

# As the configured ones, in any case.
ANY_CASE_TICKER = TICKER_PATTERN.replace("A-Z", "A-Za-z")
REFERENCE = "#/components/schemas/{model}"


def describe(application: FastAPI, settings: Settings) -> Json:
    """Return the OpenAPI description of everything that the service answers."""
    document = get_openapi(
        title=application.title,
        version=application.version,
        description=application.description,
        routes=application.routes,
    )
    _, schemas = models_json_schema(
        [(PredictionsRequest, "validation"), (Predictions, "serialization"), (ProblemDetails, "serialization")],
        ref_template=REFERENCE,
    )
    document["components"]["schemas"] |= schemas["$defs"]
    document["paths"]["/predict"] = {"post": _predict_many()}
    for path, text in {
        "/livez": "The process answers.",
        "/readyz": "It answers requests.",
        "/healthz": "As /livez.",
    }.items():
        document["paths"][path] = {"get": _probe(path, text)}
    for operation in _operations(document):
        _complete(operation, settings)
    request = document["components"]["schemas"]["PredictionsRequest"]["properties"]
    request["horizon"]["enum"] = list(settings.horizons)
    # What is no text is accepted too, and answered as a problem of its own.
    request["tickers"]["items"] = {"description": "A ticker, such as AAPL; anything else becomes a problem."}
    request["tickers"]["maxItems"] = settings.serving.max_tickers
    positions = document["components"]["schemas"]["RiskRequest"]["properties"]
    positions["horizon"] = {**positions["horizon"], "anyOf": [{"enum": list(settings.horizons)}, {"type": "null"}]}
    positions["positions"]["maxItems"] = settings.serving.max_tickers
    _join_paths_of_trainings(document["paths"])
    return document


def _join_paths_of_trainings(paths: Json) -> None:
    """Describe jobs beside the request for them: paths that differ in the name of a parameter alone are one path."""
    job = paths.pop("/model/retrain/{job_id}")["get"]
    for parameter in job["parameters"]:
        parameter |= {"name": "ticker", "description": "The id of the job, as `Location` has it."}
    paths["/model/retrain/{ticker}"]["get"] = job


def _predict_many() -> Json:
    return {
        "tags": ["predictions"],
        "summary": "Predict Many",
        "description": "Predictions for several tickers; one that fails becomes a problem and spoils no other.",
        "operationId": "predict_many",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="PredictionsRequest")}}},
        },
        "responses": {
            "200": {
                "description": "Successful Response",
                "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="Predictions")}}},
            },
            "413": _problem("The body is larger than serving.max_body_bytes"),
            "415": _problem("The body is not JSON"),
            "422": _problem("Not a request, or a horizon that is not configured"),
        },
    }


def _probe(path: str, text: str) -> Json:
    answers: Json = {"200": {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}}
    if path == "/readyz":
        answers["503"] = _problem("Not ready")
    return {"tags": ["service"], "summary": text, "operationId": path.strip("/"), "responses": answers}


def _problem(text: str) -> Json:
    return {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="ProblemDetails")}}},
    }


def _operations(document: Json) -> list[Json]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def _complete(operation: Json, settings: Settings) -> None:
    """Add what holds for every operation: its parameters' values as configured, its problems, its headers."""
    responses = operation["responses"]
    responses["422"] = {
        **_problem("Not valid"),
        "description": responses.get("422", {}).get("description", "Unknown parameter"),
    }
    responses.setdefault("503", _problem("Too many requests are in flight"))
    responses.setdefault("504", _problem("No answer in time"))
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "ticker":
            parameter["schema"] |= {"pattern": ANY_CASE_TICKER}
        elif parameter["name"] == "horizon" and "anyOf" not in parameter["schema"]:
            parameter["schema"] |= {"enum": list(settings.horizons)}
    for response in responses.values():
        response.setdefault("headers", {}).update(HEADERS)


HEADERS: Json = {
    "X-Response-Time": {
        "description": "Seconds until the answer began.",
        "schema": {"type": "string"},
        "required": True,
    },
    "Server-Timing": {"description": "Milliseconds of each stage.", "schema": {"type": "string"}, "required": True},
    "X-Request-ID": {
        "description": "The request's own, or a new one; log lines carry it too.",
        "schema": {"type": "string"},
        "required": True,
    },
}
