import { serve } from "@hono/node-server";
import { createProduct } from "./product.ts";

const { DIMMER_SIDECAR = "http://127.0.0.1:7301", ALLOWED_ORIGINS = "", PORT = "0" } = process.env;
const allowedOrigins = ALLOWED_ORIGINS.split(",").filter((origin) => origin !== "");
const product = createProduct({ sidecar: DIMMER_SIDECAR, allowedOrigins });
const server = serve({ fetch: product.fetch, hostname: "127.0.0.1", port: Number(PORT) }, ({ port }) => {
  console.log(`ready on http://127.0.0.1:${port}/`);
});
process.once("SIGTERM", () => server.close());
