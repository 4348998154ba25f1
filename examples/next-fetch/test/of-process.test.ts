import { inMode, serveDoors, TestWorld } from "@dimmer/testkit";
import { expect, it, vi } from "vitest";
import { notesRoute } from "../src/notes-route.ts";
import { ofProcess } from "../src/of-process.ts";

it("All routes of a process share one Dimmer and one guard, also where their modules are evaluated anew", async () => {
  await using world = await TestWorld.create({ tenants: [inMode("acme", "read_only")] });
  await using sidecar = await serveDoors(world.sidecar);
  vi.stubEnv("DIMMER_FEED", sidecar.url);
  vi.stubEnv("DIMMER_TRUST", world.trust);
  const { guard, dimmer } = await ofProcess();
  vi.resetModules();
  const anew = await import("../src/of-process.ts");
  expect((await anew.ofProcess()).guard).toBe(guard);
  // As a `route.ts` does it.
  const { PUT } = notesRoute(guard);
  const request = new Request("https://app.example/api/notes/1", {
    method: "PUT",
    headers: { authorization: "Bearer acme:admin" },
    body: "x",
  });
  expect((await PUT(request, { params: Promise.resolve({ id: "1" }) })).status).toBe(402);
  await dimmer.close();
  vi.unstubAllEnvs();
});
