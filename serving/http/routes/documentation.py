"""The pages that describe the API."""

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The page comes from BentoML's own copy, so that it works without the internet."""
    return get_swagger_ui_html(
        openapi_url=request.app.openapi_url,
        title=request.app.title,
        swagger_js_url="/static_content/swagger-ui-bundle.js",
        swagger_css_url="/static_content/swagger-ui.css",
        swagger_favicon_url="/static_content/favicon-light-32x32.png",
    )


@router.get("/docs.json")
async def docs_json(request: Request) -> dict[str, object]:
    """The one description of the API, where BentoML's own tools look for it."""
    description: dict[str, object] = request.app.openapi()
    return description
