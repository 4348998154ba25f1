import { OpenFeature } from "@openfeature/web-sdk";
import { afterEach, expect, it } from "vitest";
import { openFlags } from "../src/flags.ts";

afterEach(() => OpenFeature.close());

it("Without a server, the page's own defaults hold", async () => {
  const client = await openFlags({ baseUrl: "http://127.0.0.1:1", tenant: "acme" });
  expect(client.getBooleanDetails("can.create", true)).toMatchObject({ value: true, reason: "ERROR" });
});
