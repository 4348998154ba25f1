import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../running-sidecar.ts";

/** The addresses that a page or script names, but for those of XML namespaces, which nobody asks. */
const hostsIn = (text: string): string[] => text.match(/(?:https?:)?\/\/[a-z0-9][a-z0-9.-]*/gi) ?? [];

describe("/docs", () => {
  it("is a page whose every part comes from this host", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    const page = await askTcp("/docs");
    expect([page.status, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(hostsIn(page.text)).toEqual([]);
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(parts).toHaveLength(4);
    for (const part of parts) {
      expect(part).toMatch(/^\/docs\//);
      const answer = await askTcp(part);
      expect([answer.status, answer.headers["x-content-type-options"]], part).toEqual([200, "nosniff"]);
      expect(answer.bytes.length, part).toBeGreaterThan(50);
    }
  });

  it("forbids the browser every other host", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    for (const path of ["/docs", "/docs/start.js", "/docs/swagger-ui.js", "/docs/swagger-ui.css"]) {
      const policy = (await askTcp(path)).headers["content-security-policy"];
      expect(policy, path).toMatch(/^default-src 'self';/);
      expect(hostsIn(String(policy))).toEqual([]);
    }
  });

  it("starts the page on this host's document, and asks no validator elsewhere", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    const start = (await askTcp("/docs/start.js")).text;
    expect(hostsIn(start)).toEqual([]);
    expect(start).toContain('url: "/openapi.json"');
    expect(start).toContain("validatorUrl: null");
  });

  it("loads no font or picture from elsewhere by its style sheet", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    const style = (await askTcp("/docs/swagger-ui.css")).text;
    const addresses = [...style.matchAll(/url\(["']?([^)"']{1,40})/g)].map((match) => match[1] ?? "");
    expect(addresses.filter((address) => !address.startsWith("data:"))).toEqual([]);
    expect(style).not.toContain("@import");
  });

  it("serves these files and no others of the package", async () => {
    const { askTcp } = await runSidecar(await testFeed());
    for (const path of ["/docs/", "/docs/index.html", "/docs/../package.json", "/docs/%2e%2e/package.json"]) {
      expect((await askTcp(path)).status, path).toBe(404);
    }
  });
});
