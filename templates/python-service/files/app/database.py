"""PostgreSQL: whether it answers, and its shape."""

import os
from pathlib import Path

import psycopg

MIGRATIONS = Path(__file__).parent.parent / "migrations"
PATIENCE_S = 2


async def ready() -> str | None:
    """Why the database cannot be used, or nothing."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return "DATABASE_URL is not set"
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=PATIENCE_S) as connection:
            await connection.execute("select 1")
    except psycopg.Error:
        # The reason may name hosts and users, which is nobody's business outside.
        return "the database does not answer"
    return None


def migrate() -> None:
    """Runs each file of migrations/ once, in order."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("select pg_advisory_lock(8113)")
        connection.execute("create table if not exists schema_version (name text primary key, at timestamptz default now())")
        connection.commit()
        for file in sorted(MIGRATIONS.glob("*.sql")):
            if connection.execute("select 1 from schema_version where name = %s", (file.name,)).fetchone():
                continue
            connection.execute(file.read_text())
            connection.execute("insert into schema_version (name) values (%s)", (file.name,))
            connection.commit()
