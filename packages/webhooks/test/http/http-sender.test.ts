import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { describe, expect, it, onTestFinished } from "vitest";
import { addressGuard } from "../../src/http/address-guard.ts";
import { retryAfterMs } from "../../src/http/retry-after.ts";
import { type HttpSender, type HttpSenderOptions, httpSender, type SendContext, SendFailure } from "../../src/index.ts";
import { startReceiver } from "../support/receiver.ts";
import { selfSigned } from "../support/self-signed.ts";

const SECRET = `whsec_${Buffer.from("a secret of this test").toString("base64")}`;
const OLD_SECRET = Buffer.from("the one before it").toString("base64");
const never = new AbortController().signal;

function senderOf(options: Partial<HttpSenderOptions> = {}): HttpSender {
  const sender = httpSender({ signing: { secrets: SECRET }, allowLoopback: true, ...options });
  onTestFinished(() => sender.close());
  return sender;
}
const send = (sender: HttpSender, endpoint: string, context: Partial<SendContext> = {}): Promise<unknown> =>
  sender(
    { tenant: "acme", endpoint, id: "msg_1", type: "note.created", body: '{"text":"été"}' },
    { signal: never, attempt: 1, resync: undefined, ...context },
  );
const failure = (sender: HttpSender, endpoint: string, context: Partial<SendContext> = {}): Promise<SendFailure> =>
  send(sender, endpoint, context).then(
    () => {
      throw new Error("it arrived");
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(SendFailure);
      return error as SendFailure;
    },
  );

describe("the HTTP sender", () => {
  it("posts what a Standard Webhooks library verifies", async () => {
    const { url, received } = await startReceiver();
    await send(senderOf(), url);
    const [{ headers, body } = { headers: {}, body: "" }] = received;
    expect(new Webhook(SECRET).verify(body, headers as Record<string, string>)).toEqual({ text: "été" });
    expect(headers).toMatchObject({ "content-type": "application/json", "webhook-id": "msg_1" });
    expect(headers["dimmer-resync"]).toBeUndefined();
  });

  it("signs with every secret while keys rotate: who knows one takes it, who knows another does not", async () => {
    const { url, received } = await startReceiver();
    await send(senderOf({ signing: { secrets: async () => [SECRET, OLD_SECRET] } }), url, { resync: "replay" });
    const [{ headers, body } = { headers: {}, body: "" }] = received;
    for (const secret of [SECRET, OLD_SECRET]) new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(() => new Webhook("b3RoZXI=").verify(body, headers as Record<string, string>)).toThrow();
    expect(headers["dimmer-resync"]).toBe("replay");
  });

  it("takes every 2xx for arrived, and nothing else", async () => {
    for (const status of [200, 202, 204])
      await send(senderOf(), (await startReceiver((res) => void res.writeHead(status).end())).url);
    for (const status of [400, 401, 404, 429, 500, 503]) {
      const { url } = await startReceiver((res) => void res.writeHead(status, { "retry-after": "7" }).end());
      expect(await failure(senderOf(), url)).toMatchObject({
        message: `status ${status}`,
        isFinal: false,
        retryAfterMs: 7_000,
      });
    }
  });

  it("takes 410 for the end of the endpoint", async () => {
    const { url } = await startReceiver((res) => void res.writeHead(410).end());
    expect(await failure(senderOf(), url)).toMatchObject({ isGone: true, isFinal: true });
  });

  it("does not follow a redirect, wherever it leads", async () => {
    const target = await startReceiver();
    for (const status of [301, 302, 307, 308]) {
      const { url } = await startReceiver((res) => void res.writeHead(status, { location: target.url }).end());
      expect((await failure(senderOf(), url)).message).toBe(`status ${status}: redirects are not followed`);
    }
    expect(target.received).toEqual([]);
  });

  it("takes an answer that comes too late for none", async () => {
    const { url } = await startReceiver(() => undefined);
    expect((await failure(senderOf({ timeoutMs: 50 }), url)).message).toBe("no answer within 50 ms");
  });

  it("takes a 200 that comes after its time for none, and is there for the next", async () => {
    let late: ServerResponse | undefined;
    const { url, received } = await startReceiver((res) => {
      if (late === undefined) late = res;
      else res.writeHead(204).end();
    });
    const sender = senderOf({ timeoutMs: 80 });
    expect((await failure(sender, url)).message).toBe("no answer within 80 ms");
    late?.writeHead(200).end("ok");
    await send(sender, url);
    expect(received).toHaveLength(2);
  });

  it("lets no tenant's slow receiver stall another's at the same host, nor begin its own clock before it goes out", async () => {
    const answers: ServerResponse[] = [];
    const { url, received } = await startReceiver((res, { headers }) => {
      if (String(headers["webhook-id"]).startsWith("slow")) answers.push(res);
      else res.writeHead(204).end();
    });
    const sender = senderOf({ timeoutMs: 2_000 });
    const started = performance.now();
    const to = (tenant: string, id: string): Promise<unknown> =>
      sender({ tenant, endpoint: url, id, type: "t", body: "{}" }, { signal: never, attempt: 1, resync: undefined });
    const slow = Array.from({ length: 32 }, (_, n) =>
      to("acme", `slow${n}`).then(
        () => "arrived",
        (error: unknown) => (error as Error).message,
      ),
    );
    await expect.poll(() => answers.length).toBe(32);
    const waiting = to("acme", "quick");
    await to("hinata", "quick");
    expect(received.map(({ headers }) => headers["webhook-id"]).slice(32)).toEqual(["quick"]);
    expect(await Promise.all(slow)).toEqual(Array.from({ length: 32 }, () => "no answer within 2000 ms"));
    // Its own 2 s had been over by now, had they begun when it was given.
    await waiting;
    expect(performance.now() - started).toBeGreaterThan(1_900);
  });

  it("is done with a 200 whose body has no end, and reads no more of it than it must", async () => {
    let written = 0;
    let isCut = false;
    const { url } = await startReceiver((res) => {
      res.writeHead(200);
      const more = (): void => {
        while (res.write("x".repeat(16_384))) written += 16_384;
      };
      res.on("drain", more);
      res.on("close", () => {
        isCut = true;
      });
      more();
    });
    await send(senderOf(), url);
    await expect.poll(() => isCut).toBe(true);
    expect(written).toBeLessThan(16 * 1_048_576);
  });

  it("holds no more connections for a tenant than it has places, however slowly its receivers end their answers", async () => {
    let open = 0;
    let most = 0;
    const answers: ServerResponse[] = [];
    const { url } = await startReceiver((res, { headers }) => {
      if (headers["webhook-id"] === "other") {
        res.writeHead(204).end();
        return;
      }
      most = Math.max(most, ++open);
      res.on("close", () => open--);
      res.writeHead(200).write("x");
      answers.push(res);
    });
    const sender = senderOf();
    const sent = Array.from({ length: 100 }, () => send(sender, url));
    await Promise.all(sent.slice(0, 32));
    const other = { tenant: "hinata", endpoint: url, id: "other", type: "t", body: "{}" };
    // What goes out behind others at the same receiver: they had arrived by now, had they been let out.
    for (let n = 0; n < 3; n++) await sender(other, { signal: never, attempt: 1, resync: undefined });
    expect(most).toBe(32);
    // Each that is read to its end lets the next out.
    for (let ended = 0; ended < 100; ended++) {
      await expect.poll(() => answers.length).toBeGreaterThan(ended);
      answers[ended]?.end();
    }
    await Promise.all(sent);
    expect(most).toBe(32);
  });

  it("says of what had no turn to go out that it was not sent, in time or when it is ended", async () => {
    const { url, received } = await startReceiver(() => undefined);
    const sender = senderOf({ timeoutMs: 5_000 });
    const slow = Array.from({ length: 32 }, () => send(sender, url).catch(() => undefined));
    await expect.poll(() => received.length).toBe(32);
    const controller = new AbortController();
    const waiting = failure(sender, url, { signal: controller.signal });
    controller.abort(new Error("no answer within 60000 ms"));
    expect(await waiting).toMatchObject({ isUnsent: true, isFinal: false });
    await sender.close();
    await Promise.all(slow);
    expect(received).toHaveLength(32);
    // Nothing of who gave up stays in the line.
    const brief = senderOf({ timeoutMs: 60 });
    const hanging = Array.from({ length: 100 }, () => failure(brief, url));
    expect((await Promise.all(hanging)).filter(({ isUnsent }) => isUnsent).length).toBeGreaterThan(0);
    expect(await failure(brief, url)).toMatchObject({ isUnsent: false, message: "no answer within 60 ms" });
  });

  it("ends with its signal", async () => {
    const { url, received } = await startReceiver(() => undefined);
    const controller = new AbortController();
    const ended = failure(senderOf(), url, { signal: controller.signal });
    await expect.poll(() => received.length).toBe(1);
    controller.abort(new Error("denied"));
    expect(await ended).toBeInstanceOf(SendFailure);
  });

  it("says that nobody listens, and that a name is not known", async () => {
    expect((await failure(senderOf(), "http://127.0.0.1:1/")).message).toMatch(/ECONNREFUSED/);
    const resolve = (): Promise<never> =>
      Promise.reject(Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }));
    expect((await failure(senderOf({ resolve }), "https://nowhere.example/")).message).toMatch(/ENOTFOUND/);
  });

  it("refuses a certificate that it cannot trust, and takes one that it was told to", async () => {
    const tls = selfSigned();
    const { url, received } = await startReceiver(undefined, tls);
    expect((await failure(senderOf(), url)).message).toMatch(/self-signed|DEPTH_ZERO/i);
    expect(received).toEqual([]);
    const resolve = (): Promise<{ address: string; family: number }[]> =>
      Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
    await send(senderOf({ ca: tls.cert, resolve }), url);
    expect(received).toHaveLength(1);
    const elsewhere = url.replace("localhost", "elsewhere.example");
    expect((await failure(senderOf({ ca: tls.cert, resolve }), elsewhere)).message).toMatch(/altname|ALTNAME/);
  });

  it("connects to no address that is not public, however it is written", async () => {
    const sender = senderOf({ allowLoopback: false });
    const hosts = [
      "127.0.0.1",
      "2130706433",
      "0x7f.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "10.0.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "[fd00::1]",
      "[fe80::1]",
      "[64:ff9b::7f00:1]",
      "[2002:7f00:1::]",
    ];
    for (const host of hosts) expect((await failure(sender, `https://${host}/`)).message, host).toMatch(/not public/);
  });

  it("connects to no name that has one such address among its own", async () => {
    const { url, received } = await startReceiver();
    const resolve = (): Promise<{ address: string; family: number }[]> =>
      Promise.resolve([
        { address: "93.184.216.34", family: 4 },
        { address: "127.0.0.1", family: 4 },
      ]);
    const sender = senderOf({ allowLoopback: false, resolve });
    expect(
      (await failure(sender, url.replace("http:", "https:").replace("127.0.0.1", "rebind.example"))).message,
    ).toMatch(/not public/);
    expect(received).toEqual([]);
  });

  it("asks for a name once a connection and connects to what it was told: rebinding finds no second look", async () => {
    const { url, received } = await startReceiver();
    const asked: string[] = [];
    const resolve = (name: string): Promise<{ address: string; family: number }[]> => {
      asked.push(name);
      return Promise.resolve([{ address: asked.length === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }]);
    };
    await send(senderOf({ resolve }), url.replace("127.0.0.1", "rebind.example"));
    expect([asked, received.length]).toEqual([["rebind.example"], 1]);
  });

  it("takes https: alone, without a user, and an endpoint that has a URL", async () => {
    const sender = senderOf({ allowLoopback: false });
    expect(await failure(sender, "http://example.com/")).toMatchObject({
      isFinal: true,
      message: expect.stringMatching(/not https/),
    });
    expect(await failure(sender, "https://user:pw@example.com/")).toMatchObject({ isFinal: true });
    expect(await failure(sender, "billing")).toMatchObject({
      isFinal: true,
      message: "the endpoint is no URL, and no urlOf says one",
    });
  });

  it("lets wait what it does not know where to send or how to sign: who gave the name may mend it", async () => {
    const nowhere: readonly (readonly [Partial<HttpSenderOptions>, string])[] = [
      [{ urlOf: () => undefined }, "the endpoint has no URL"],
      [{ urlOf: () => "http://example.com/", allowLoopback: false }, "the endpoint's URL is not https:"],
      [{ signing: { secrets: () => [] } }, "a secret of the endpoint cannot sign"],
      [
        {
          urlOf: () => {
            throw new SendFailure("it is another's", { isUnconfigured: true });
          },
        },
        "it is another's",
      ],
    ];
    for (const [options, message] of nowhere) {
      const found = await failure(senderOf(options), "https://example.com/");
      expect(found).toMatchObject({
        isFinal: false,
        isUnconfigured: true,
        message: expect.stringContaining(message),
      });
    }
  });

  it("sends to the URL of a name", async () => {
    const { url, received } = await startReceiver();
    await send(senderOf({ urlOf: ({ endpoint }) => (endpoint === "billing" ? url : undefined) }), "billing");
    expect(received).toHaveLength(1);
  });

  it("refuses an option that it does not know, by name", () => {
    const misspelt = { signing: { secrets: SECRET }, allowNetwork: ["10.0.0.0/8"] };
    expect(() => httpSender(misspelt)).toThrow(
      expect.objectContaining({
        code: "options_invalid",
        message: expect.stringMatching(/no option allowNetwork; there are .*allowNetworks/),
      }),
    );
  });

  it("refuses mistakes at construction, and never quotes a secret", async () => {
    const wrong = [
      { signing: { secrets: [] } },
      { signing: { secrets: "§§ no base64 §§" } },
      { timeoutMs: 0 },
      { allowNetworks: ["10.0.0.0"] },
    ];
    for (const options of wrong) {
      expect(() => httpSender({ signing: { secrets: SECRET }, ...options })).toThrow(
        expect.objectContaining({ code: "options_invalid", message: expect.not.stringContaining("§") }),
      );
    }
    const { message } = await failure(senderOf({ signing: { secrets: () => "§§" } }), "https://example.com/");
    expect(message).toBe("a secret of the endpoint cannot sign: it must be base64, with or without whsec_ before it");
  });
});

describe("the address guard", () => {
  it("lets public addresses pass, and networks that it was told of", () => {
    const guard = addressGuard(["10.1.0.0/16", "fd00:1::/32"]);
    for (const address of ["93.184.216.34", "2606:2800:220:1::1", "10.1.2.3", "fd00:1::5"])
      expect(guard(address), address).toBe(true);
    for (const address of [
      "10.2.0.1",
      "fd00:2::5",
      "::ffff:10.1.2.3",
      "224.0.0.1",
      "240.0.0.1",
      "198.18.0.1",
      "::",
      "no address",
    ])
      expect(guard(address), address).toBe(false);
  });
});

describe("Retry-After", () => {
  it("is seconds or a date, and nothing else", () => {
    const nowMs = Date.parse("2026-12-10T00:00:00Z");
    expect(retryAfterMs("120", nowMs)).toBe(120_000);
    expect(retryAfterMs("Thu, 10 Dec 2026 00:01:00 GMT", nowMs)).toBe(60_000);
    expect(retryAfterMs("Wed, 09 Dec 2026 00:00:00 GMT", nowMs)).toBe(0);
    for (const nothing of [undefined, "", "soon", "-5x"]) expect(retryAfterMs(nothing, nowMs)).toBeUndefined();
  });
});
