"""What there is and how it goes: networks, health, measures, the page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from humatte import catalog
from humatte.server import files
from humatte.server.documents import answers, refusals
from humatte.server.measures import TYPE
from humatte.server.refusals import Refusal
from humatte.server.service import Service, service_of

router = APIRouter(tags=["facts"])


class ModelWords(BaseModel):
    """One network."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    bytes: int
    long_side: int
    """Of a picture as it is seen, in pixels."""
    stride: int
    """Its sides are multiples of it."""
    licence: str
    gray: bool
    """Whether it looks at brightness alone. It is fed RGB all the same."""
    file: str
    scores: dict[str, float]


class ModelsAnswer(BaseModel):
    """All networks that a request may name."""

    default: str
    models: list[ModelWords]


@router.get("/v1/models", summary="The networks", responses=refusals(500))
def models(request: Request) -> ModelsAnswer:
    """With their sizes, licences, scores, and where their files are."""
    service = service_of(request)
    found = [_model(service, name, word) for name, word in sorted(service.names().items())]
    return ModelsAnswer(default=service.default, models=found)


def _model(service: Service, name: str, word: str) -> ModelWords:
    facts = service.facts(name)
    network: dict[str, Any] = facts.recipe.get("network", {})
    return ModelWords(
        name=name,
        bytes=catalog.find(word).stat().st_size,
        long_side=facts.best_long_side,
        stride=facts.stride,
        licence=facts.licence,
        gray=str(network.get("name", "")).startswith("dark"),  # the LikeUnet nets for gray pictures
        file=f"/v1/models/{name}/file",
        scores=facts.scores,
    )


@router.get(
    "/v1/models/{name}/file",
    summary="A network's ONNX file",
    response_class=Response,
    responses=answers(
        {
            200: {
                "description": "The file; its ETag is strong.",
                "content": {files.ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            },
            304: {"description": "as it was"},
            206: {"description": "a range of it"},
            416: {"description": "no such range"},
        },
        404,
    ),
)
async def model_file(request: Request, name: str) -> Response:
    """For networks that run elsewhere, as in the page's private mode."""
    word = service_of(request).names().get(name)
    if word is None:
        raise Refusal(404, "not_found", "no such network; see /v1/models")
    return await files.sent(request, catalog.find(word), files.ANY_TYPE)


@router.get("/healthz", summary="Whether it lives", responses=refusals())
async def healthz() -> dict[str, str]:
    """Always, as long as there is an answer."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether it takes pictures", responses=refusals(503))
async def readyz(request: Request) -> dict[str, str]:
    """Not before the network is loaded, nor while shutting down."""
    service = service_of(request)
    if not service.ready:
        what = "shutting down" if service.stopping else "still loading the network"
        raise Refusal(503, "not_ready", f"{what}; try again later", {"Retry-After": "1"})
    return {"status": "ready"}


@router.get(
    "/metrics",
    summary="Measures for Prometheus",
    response_class=PlainTextResponse,
    responses=refusals(),
)
async def metrics(request: Request) -> Response:
    """Counts since the start, by route and status; nothing of what was in pictures."""
    service = service_of(request)
    return PlainTextResponse(service.measures.text(service.gauges()), media_type=TYPE)


def add_files(app: FastAPI, service: Service) -> None:
    """Adds the page, if it is wanted, and the OpenAPI document."""

    async def document(request: Request) -> Response:
        request.state.route = "/openapi.json"
        return JSONResponse(app.openapi())

    async def index(request: Request) -> Response:
        request.state.route = "/"
        return await page.answer(request, "index.html")

    async def file(request: Request) -> Response:
        request.state.route = "/web"
        return await page.answer(request, request.path_params["path"])

    app.router.routes.append(Route("/openapi.json", document))
    if service.settings.page:
        page = files.Page(service.settings.web)
        app.router.routes.append(Route("/", index))
        app.router.routes.append(Route("/web/{path:path}", file))
