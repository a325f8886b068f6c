"""Problems by status, as the routes document them."""

from typing import Any

from serving.contract.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_CONTENT: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}


def problems(described: dict[int, str]) -> Responses:
    """The OpenAPI responses for problems, given the description of each status."""
    return {status: {"description": text, "content": _CONTENT} for status, text in described.items()}


NOT_SERVED = "Not one of the configured tickers"
PREDICTION_PROBLEMS = problems(
    {404: NOT_SERVED, 422: "Not a ticker, or a horizon that is not configured", 503: "No price from anywhere"}
)
