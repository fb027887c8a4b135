// PostgreSQL: whether it answers, and its shape.
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";

const PATIENCE_MS = 2000;

function client(): pg.Client {
  return new pg.Client({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: PATIENCE_MS });
}

/** Why the database cannot be used, or nothing. */
export async function ready(): Promise<string | undefined> {
  if (!process.env.DATABASE_URL) return "DATABASE_URL is not set";
  const db = client();
  try {
    await db.connect();
    await db.query("select 1");
    return undefined;
  } catch {
    // The reason may name hosts and users, which is nobody's business outside.
    return "the database does not answer";
  } finally {
    await db.end().catch(() => undefined);
  }
}

/** Runs each file of migrations/ once, in order. */
export async function migrate(): Promise<void> {
  const db = client();
  await db.connect();
  try {
    await db.query("select pg_advisory_lock(8113)");
    await db.query("create table if not exists schema_version (name text primary key, at timestamptz default now())");
    for (const name of (await readdir("migrations")).filter((n) => n.endsWith(".sql")).sort()) {
      const seen = await db.query("select 1 from schema_version where name = $1", [name]);
      if (seen.rowCount) continue;
      await db.query("begin");
      await db.query(await readFile(`migrations/${name}`, "utf8"));
      await db.query("insert into schema_version (name) values ($1)", [name]);
      await db.query("commit");
    }
  } finally {
    await db.end();
  }
}
