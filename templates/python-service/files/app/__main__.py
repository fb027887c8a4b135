"""Starts it, or brings the database's shape up to date."""

import os
import sys

import uvicorn

from app import telemetry
from app.main import app
{% if database == 'postgresql' %}

if sys.argv[1:] == ["migrate"]:
    from app import database

    database.migrate()
    sys.exit(0)
{% endif %}

if sys.argv[1:]:
    sys.exit(f"unknown word {sys.argv[1]!r}")

telemetry.start(app)
uvicorn.run(app, host=os.environ.get("HOST", "0.0.0.0"), port=int(os.environ.get("PORT", "8080")))
