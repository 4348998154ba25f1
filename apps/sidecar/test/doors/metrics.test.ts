import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../running-sidecar.ts";

describe("GET /metrics", () => {
  it("counts decisions by outcome and reason, requests by door, refusals by status", async () => {
    const { ask } = await runSidecar(await testFeed());
    const check = (body: unknown): Promise<unknown> => ask("/v1/check", { body });
    await check({ tenant: "acme", capability: "view" });
    await check({ tenant: "unpaid", capability: "create" });
    await check({ tenant: "nobody", capability: "view" });
    await check({ tenant: "..", capability: "view" });
    await ask("/v1/checks", { body: { checks: [{ tenant: "acme", capability: "view" }, 7] } });
    await ask("/nowhere");
    const { headers, text } = await ask("/metrics");
    expect(headers["content-type"]).toMatch(/^text\/plain/);
    for (const line of [
      'dimmer_decisions_total{outcome="allowed",reason="granted"} 2',
      'dimmer_decisions_total{outcome="allowed",reason="unknown_tenant"} 1',
      'dimmer_decisions_total{outcome="denied",reason="restricted"} 1',
      'dimmer_decisions_total{outcome="denied",reason="locked"} 0',
      'dimmer_requests_total{door="check"} 4',
      'dimmer_requests_total{door="checks"} 1',
      'dimmer_requests_refused_total{status="400"} 1',
      'dimmer_requests_refused_total{status="404"} 1',
      "dimmer_malformed_items_total 1",
      "dimmer_ready 1",
      "dimmer_fresh 1",
      "dimmer_feed_seq 1",
      'dimmer_tenants{state="locked"} 1',
      'dimmer_sources{state="ok"} 1',
      "dimmer_unknown_tenant_total 1",
      "dimmer_feed_stream_connected 0",
      "dimmer_feed_deltas_applied_total 0",
      "dimmer_feed_lag_seconds 0",
      "dimmer_streams_open 0",
      "dimmer_streams_dropped_total 0",
    ]) {
      expect(text.split("\n"), line).toContain(line);
    }
    expect((await ask("/metrics")).text).toContain('dimmer_requests_refused_total{status="404"} 1\n');
  });

  it("F7 · has as many lines whatever is asked: no tenant, path or capability becomes a label", async () => {
    const { ask } = await runSidecar(await testFeed());
    const linesOf = async (): Promise<string[]> =>
      (await ask("/metrics")).text.split("\n").map((line) => line.replace(/ [^ ]+$/, ""));
    const before = await linesOf();
    for (let i = 0; i < 50; i++) {
      await ask("/v1/check", {
        body: { tenant: `tenant-${i}`, capability: `capability-${i}`, feature: `feature-${i}` },
      });
      await ask("/v1/check", { body: { tenant: `t${i}`, request: { method: `M${i}`, path: `/path-${i}` } } });
      await ask(`/path-${i}`);
      await ask(`/v1/tenants/tenant-${i}`);
    }
    expect(await linesOf()).toEqual(before);
  });
});
