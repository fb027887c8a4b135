// Starts it, or brings the database's shape up to date.
import { start } from "./telemetry.js";

const end = start();
const { build } = await import("./app.js");
{% if database == 'postgresql' %}

if (process.argv[2] === "migrate") {
  const { migrate } = await import("./database.js");
  await migrate();
  process.exit(0);
}
{% endif %}

const app = build();
await app.listen({ host: process.env.HOST ?? "0.0.0.0", port: Number(process.env.PORT ?? 8080) });

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void app.close().then(end).then(() => process.exit(0));
  });
}
