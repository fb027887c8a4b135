"""The HTTP surface: what is here is what `api/openapi.yaml` promises."""

import time

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
{% if database == 'postgresql' %}

from app import database
{% endif %}

SERVICE = "{$ service $}"
REQUESTS = Counter("http_requests", "Requests answered", ["service", "path", "code"])
SECONDS = Histogram("http_request_seconds", "How long they took", ["service", "path"])

app = FastAPI(title=SERVICE, version="0.1.0")


@app.middleware("http")
async def measure(request: Request, call_next):
    """Counts every answer by the route's own path, so that callers cannot make new series."""
    began = time.perf_counter()
    code = 500
    try:
        response = await call_next(request)
        code = response.status_code
        return response
    finally:
        route = request.scope.get("route")
        path = getattr(route, "path", "unknown")
        REQUESTS.labels(SERVICE, path, str(code)).inc()
        SECONDS.labels(SERVICE, path).observe(time.perf_counter() - began)


@app.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """The process is up."""
    return "ok"


@app.get("/readyz")
async def readyz() -> Response:
    """It can serve."""
{% if database == 'postgresql' %}
    why = await database.ready()
    if why:
        return JSONResponse({"ready": False, "because": why}, status_code=503)
{% endif %}
    return JSONResponse({"ready": True})


@app.get("/metrics")
async def metrics() -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
