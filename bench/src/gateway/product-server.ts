import { connect } from "@dimmer/sdk";
import { honoGuard } from "@dimmer/sdk/hono";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

/**
 * A product on Hono, with or without a guard, on a free port: `node product-server.ts bare|guarded FEED TRUST`. The guard
 * follows the feed by itself, as the SDK does.
 */
const [kind = "", feed = "", trust = ""] = process.argv.slice(2);
const dimmer = await connect({ feed, trust });
await dimmer.ready();
const app = new Hono();
if (kind === "guarded") {
  app.use(
    honoGuard({
      dimmer,
      tenant: () => "tenant-5001",
      principal: () => "member",
      routes: [{ path: "/billing/**", capability: "pay" }],
      protected: {
        pay: [{ path: "/billing/**" }],
        login: "elsewhere",
        export: "elsewhere",
        contact: "elsewhere",
        leave: "elsewhere",
      },
    }),
  );
}
app.get("/notes/:id", (c) => c.json({ id: c.req.param("id"), text: "hello" }));
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0, overrideGlobalObjects: true }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.on("SIGTERM", () => {
  server.close();
  void dimmer.close().then(() => process.exit(0));
});
