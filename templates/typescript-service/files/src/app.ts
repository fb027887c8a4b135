// The HTTP surface: what is here is what api/openapi.yaml promises.
import Fastify, { type FastifyInstance } from "fastify";
import { Counter, Histogram, Registry } from "prom-client";
{% if database == 'postgresql' %}
import { ready } from "./database.js";
{% endif %}

const SERVICE = "{$ service $}";

/** An application that listens nowhere yet. */
export function build(): FastifyInstance {
  const figures = new Registry();
  const requests = new Counter({
    name: "http_requests_total",
    help: "Requests answered",
    labelNames: ["service", "path", "code"],
    registers: [figures],
  });
  const seconds = new Histogram({
    name: "http_request_seconds",
    help: "How long they took",
    labelNames: ["service", "path"],
    registers: [figures],
  });
  const app = Fastify({ logger: process.env.NODE_ENV === "test" ? false : { base: { service: SERVICE } } });

  // The route's own path, so that callers cannot make new series.
  app.addHook("onResponse", async (request, reply) => {
    const path = request.routeOptions.url ?? "unknown";
    requests.inc({ service: SERVICE, path, code: String(reply.statusCode) });
    seconds.observe({ service: SERVICE, path }, reply.elapsedTime / 1000);
  });

  app.get("/healthz", async () => "ok");
  app.get("/readyz", async (_request, reply) => {
{% if database == 'postgresql' %}
    const because = await ready();
    if (because !== undefined) return reply.code(503).send({ ready: false, because });
{% endif %}
    return reply.send({ ready: true });
  });
  app.get("/metrics", async (_request, reply) => reply.type(figures.contentType).send(await figures.metrics()));
  return app;
}
