"""The Open Inference Protocol, version 2, as MLServer and Triton speak it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from features import NAMES
from serving.http.dependencies import JsonBody, Parts
from serving.http.responses import json_response
from serving.http.routes.responses import problems
from serving.models.open_inference import FLOATS, INPUT, MOST_ROWS, SERVER

PROBLEMS = problems(
    {404: "No such model, or no such version", 422: "Not a request", 503: "The model is not trained yet"}
)
MODEL, VERSION = "/models/{name}", "/models/{name}/versions/{version}"

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "inputs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["name", "shape", "datatype", "data"],
                                "properties": {
                                    "name": {"const": INPUT},
                                    "shape": {
                                        "type": "array",
                                        "description": f"Rows, of which there are at most {MOST_ROWS}, and inputs.",
                                        "items": {"type": "integer"},
                                    },
                                    "datatype": {"enum": sorted(FLOATS)},
                                    "data": {
                                        "type": "array",
                                        "description": "Row by row.",
                                        "items": {"type": "number"},
                                    },
                                },
                            },
                        },
                    },
                },
                "example": {
                    "inputs": [
                        {"name": INPUT, "shape": [1, len(NAMES)], "datatype": "FP32", "data": [0.01] * len(NAMES)}
                    ]
                },
            }
        },
    }
}

router = APIRouter(prefix="/v2", tags=["open inference protocol"])


@router.post(f"{MODEL}/infer", responses=PROBLEMS, openapi_extra=BODY)
async def infer(name: str, body: JsonBody, container: Parts) -> Response:
    """Rows of inputs through a forest."""
    return json_response(await container.inference.infer(name, body))


@router.post(f"{VERSION}/infer", responses=PROBLEMS, openapi_extra=BODY)
async def infer_version(name: str, version: str, body: JsonBody, container: Parts) -> Response:
    """Rows of inputs through a forest, if it is of this version."""
    return json_response(await container.inference.infer(name, body, version))


@router.get(f"{MODEL}/ready", responses=PROBLEMS)
async def ready(name: str, container: Parts) -> Response:
    """Whether the forest answers."""
    container.inference.ready(name)
    return JSONResponse({"name": name, "ready": True})


@router.get(f"{VERSION}/ready", responses=PROBLEMS)
async def version_ready(name: str, version: str, container: Parts) -> Response:
    """Whether the forest of this version answers."""
    container.inference.ready(name, version)
    return JSONResponse({"name": name, "ready": True})


@router.get(MODEL, responses=PROBLEMS)
async def metadata(name: str, container: Parts) -> Response:
    """What goes in and what comes out."""
    return JSONResponse(container.inference.metadata(name))


@router.get(VERSION, responses=PROBLEMS)
async def version_metadata(name: str, version: str, container: Parts) -> Response:
    """What goes into this version and what comes out."""
    return JSONResponse(container.inference.metadata(name, version))


@router.post("/repository/index", responses=problems({422: "Not a request"}))
async def index(request: Request, container: Parts) -> Response:
    """Every model, ready or not; with `{"ready": true}` those that are."""
    return JSONResponse(container.inference.index(await request.body()))


@router.get("")
async def server() -> Response:
    """What this server is."""
    return JSONResponse(SERVER)


@router.get("/health/live")
async def live() -> Response:
    """Whether it answers at all: so it does."""
    return JSONResponse({"live": True, "ready": True})


@router.get("/health/ready")
async def server_ready() -> Response:
    """Whether it answers requests: so it does."""
    return JSONResponse({"live": True, "ready": True})
