import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createProduct } from "./product.ts";

const { DIMMER_SIDECAR = "http://127.0.0.1:7301", ALLOWED_ORIGINS = "", PORT = "3005" } = process.env;
if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65_535) stop(2, `PORT is ${PORT}: write a number such as 3005`);
const allowedOrigins = ALLOWED_ORIGINS.split(",").filter((origin) => origin !== "");
const product = createProduct({ sidecar: DIMMER_SIDECAR, allowedOrigins });
const server = createAdaptorServer({ fetch: product.fetch });
server.once("listening", () => console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
server.once("error", ({ code, message }: NodeJS.ErrnoException) =>
  stop(
    3,
    code === "EADDRINUSE"
      ? `PORT ${PORT} is taken: PORT=${Number(PORT) + 10} npm start -w examples/openfeature-web`
      : message,
  ),
);
server.listen(Number(PORT), "127.0.0.1");
process.once("SIGTERM", () => server.close());

function stop(exitCode: number, why: string): never {
  console.error(`openfeature-web: ${why}`);
  process.exit(exitCode);
}
