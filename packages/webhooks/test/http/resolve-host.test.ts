import { describe, expect, it, onTestFinished } from "vitest";
import { type HostSources, hostResolver } from "../../src/http/resolve-host.ts";
import { httpSender } from "../../src/index.ts";
import { startReceiver } from "../support/receiver.ts";

const fault = (code: string): Promise<never> => Promise.reject(Object.assign(new Error(code), { code }));
const PUBLIC = "93.184.216.34";

function sourcesOf(sources: Partial<HostSources>): HostSources & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    query: (hostname, family) => {
      asked.push(`query ${family} ${hostname}`);
      return sources.query?.(hostname, family) ?? fault("ENOTFOUND");
    },
    lookup: (hostname) => {
      asked.push(`lookup ${hostname}`);
      return sources.lookup?.(hostname) ?? fault("ENOTFOUND");
    },
  };
}

describe("names of hosts", () => {
  it("are asked of name servers, both families, once for many who ask, and kept", async () => {
    const sources = sourcesOf({ query: async (_name, family) => (family === 4 ? [PUBLIC] : ["2606:2800:220:1::1"]) });
    const resolve = hostResolver(sources);
    const both = [
      { address: PUBLIC, family: 4 },
      { address: "2606:2800:220:1::1", family: 6 },
    ];
    expect(await Promise.all([resolve("a.example"), resolve("a.example")])).toEqual([both, both]);
    expect(await resolve("a.example")).toEqual(both);
    expect(sources.asked).toEqual(["query 4 a.example", "query 6 a.example"]);
  });

  it("have one family where the other is not known, and are asked of the system where neither is", async () => {
    const sources = sourcesOf({
      query: async (name, family) => (name === "four.example" && family === 4 ? [PUBLIC] : await fault("ENODATA")),
      lookup: async () => [{ address: "10.1.2.3", family: 4 }],
    });
    const resolve = hostResolver(sources);
    expect(await resolve("four.example")).toEqual([{ address: PUBLIC, family: 4 }]);
    expect(await resolve("ours.internal.example")).toEqual([{ address: "10.1.2.3", family: 4 }]);
    expect(await resolve("localhost")).toEqual([{ address: "10.1.2.3", family: 4 }]);
    expect(sources.asked.filter((one) => one.endsWith("localhost"))).toEqual(["lookup localhost"]);
  });

  it("cost no thread where name servers are slow, and no failure is kept", async () => {
    let faults = 0;
    const sources = sourcesOf({ query: () => (faults++ < 2 ? fault("ETIMEOUT") : Promise.resolve([PUBLIC])) });
    const resolve = hostResolver(sources);
    await expect(resolve("tarpit.example")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(sources.asked.some((one) => one.startsWith("lookup"))).toBe(false);
    expect(await resolve("tarpit.example")).toHaveLength(2);
  });

  it("stop no other while the system does not answer: two threads wait for it at most", async () => {
    const sources = sourcesOf({
      query: (name) => (name === "well.example" ? Promise.resolve([PUBLIC]) : fault("ENOTFOUND")),
      lookup: () => new Promise(() => undefined),
    });
    const resolve = hostResolver(sources);
    for (const n of [1, 2, 3, 4, 5]) void resolve(`hangs${n}.example`);
    expect(await resolve("well.example")).toHaveLength(2);
    expect(sources.asked.filter((one) => one.startsWith("lookup"))).toHaveLength(2);
  });

  it("are checked where they are connected to, also when the answer was kept: rebinding finds no way around", async () => {
    const { url, received } = await startReceiver();
    const resolve = hostResolver(sourcesOf({ query: async (_name, family) => (family === 4 ? ["127.0.0.1"] : []) }));
    const sender = httpSender({ signing: { secrets: "c2VjcmV0LXNlY3JldA==" }, resolve });
    onTestFinished(() => sender.close());
    const endpoint = url.replace("http:", "https:").replace("127.0.0.1", "rebind.example");
    for (let time = 0; time < 2; time++) {
      const sent = sender(
        { tenant: "acme", endpoint, id: "1", type: "t", body: "{}" },
        { signal: new AbortController().signal, attempt: 1, resync: undefined },
      );
      await expect(sent).rejects.toThrow(/not public/);
    }
    expect(received).toEqual([]);
  });
});
