"""The paths that BentoML answers itself, and what it would not check there."""

from starlette.datastructures import QueryParams
from starlette.types import Scope

from serving.contract.validation import check_json_body, check_parameters

PROBES = frozenset({"/livez", "/readyz", "/healthz"})
NATIVE_PATHS = PROBES | {"/predict", "/schema.json"}


def check_native(scope: Scope) -> None:
    """Check what BentoML would ignore.

    Raises:
        Problem: 422 for query parameters, of which these paths have none; 415 and 422 for a body that is no JSON.
    """
    check_parameters(QueryParams(scope["query_string"]).multi_items(), known=())
    if scope["method"] == "POST" and scope["path"] == "/predict":
        check_json_body(dict(scope["headers"]), example='{"tickers": ["AAPL"], "horizon": 1}')
