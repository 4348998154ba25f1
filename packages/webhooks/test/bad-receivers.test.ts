import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { createGate, type Gate, type GateOptions, httpSender, type LaneStatus, memoryStore } from "../src/index.ts";
import { type Receiver, startReceiver } from "./support/receiver.ts";
import { selfSigned } from "./support/self-signed.ts";

const TEN_MB = 10 * 1_048_576;
const AGAIN_MS = 3_600_000;

/** A gate that sends over HTTP to receivers of this machine. */
function openGate(options: Partial<GateOptions> = {}, timeoutMs = 300): Gate {
  const send = httpSender({ signing: { secrets: "c2VjcmV0LXNlY3JldA==" }, allowLoopback: true, timeoutMs });
  const store = memoryStore();
  const gate = createGate({
    dimmer: { isReady: true, check: () => ({ allowed: true }) },
    store,
    send,
    lookEveryMs: 20,
    retryScheduleMs: [AGAIN_MS],
    ...options,
  });
  onTestFinished(async () => {
    await gate.close(0);
    await send.close();
    await store.close();
  });
  return gate;
}
const event = (id: string, endpoint: string, body: unknown = "{}") => ({
  tenant: "acme",
  endpoint,
  id,
  type: "t",
  body,
});
const laneOf = async (gate: Gate, { url }: Receiver): Promise<LaneStatus | undefined> =>
  (await gate.status("acme")).lanes.find(({ endpoint }) => endpoint === url);

type Answer = (res: ServerResponse) => void;
const ANSWERS = {
  gone: (res) => void res.writeHead(410).end(),
  elsewhere: (res) => void res.writeHead(307, { location: "http://169.254.169.254/" }).end(),
  late: (res) => void setTimeout(() => res.writeHead(200).end(), 60_000).unref(),
  endless: (res) => {
    res.writeHead(200);
    const more = (): void => {
      while (res.write("x".repeat(16_384)));
    };
    res.on("drain", more);
    more();
  },
} as const satisfies Record<string, Answer>;

describe("a receiver that", () => {
  it.each([
    ["answers 410", ANSWERS.gone, { dead: 1, waiting: 1, paused: "gone", lastError: /410/ }],
    ["answers 307", ANSWERS.elsewhere, { dead: 0, waiting: 2, paused: undefined, lastError: /redirects are not/ }],
    ["answers 200 after 60 s", ANSWERS.late, { dead: 0, waiting: 2, paused: undefined, lastError: /within 300 ms/ }],
  ])("%s has what failed and what comes after it wait, in order, and stops no other", async (_name, answer, lane) => {
    const gate = openGate();
    const [bad, good] = [await startReceiver(answer), await startReceiver()];
    for (const id of ["e1", "e2"]) await gate.deliver(event(id, bad.url), { durable: true });
    expect(await gate.deliver(event("e1", good.url))).toBe("sent");
    await expect.poll(async () => (await laneOf(gate, bad))?.lastError).toBeDefined();
    const { lastError, ...rest } = lane;
    expect(await laneOf(gate, bad)).toMatchObject({ ...rest, lastError: expect.stringMatching(lastError) });
    expect(bad.received.map(({ headers }) => headers["webhook-id"])).toEqual(["e1"]);
  });

  it("answers 200 with a body that has no end has taken the event, and the next", async () => {
    const gate = openGate();
    const bad = await startReceiver(ANSWERS.endless);
    for (const id of ["e1", "e2"]) expect(await gate.deliver(event(id, bad.url))).toBe("sent");
  });

  it("signs its certificate itself hears nothing, and what is for it waits", async () => {
    const gate = openGate();
    const bad = await startReceiver(undefined, selfSigned());
    expect(await gate.deliver(event("e1", bad.url))).toBe("queued");
    expect(bad.received).toEqual([]);
    expect(await laneOf(gate, bad)).toMatchObject({
      waiting: 1,
      dead: 0,
      lastError: expect.stringMatching(/self-signed/i),
    });
  });
});

describe("an event of 10 MB", () => {
  it("is refused, naming the field, and nothing of it is kept or sent", async () => {
    const gate = openGate();
    const receiver = await startReceiver();
    for (const durable of [false, true]) {
      await expect(gate.deliver(event("e1", receiver.url, "x".repeat(TEN_MB)), { durable })).rejects.toMatchObject({
        code: "input_invalid",
        message: expect.stringMatching(/^webhook body: has over 1048576 bytes/),
      });
    }
    expect((await gate.status("acme")).lanes).toEqual([]);
    expect(receiver.received).toEqual([]);
  });

  it("arrives whole where the product allows that much", async () => {
    const gate = openGate({ maxEventBytes: 2 * TEN_MB }, 30_000);
    const receiver = await startReceiver();
    await gate.deliver(event("e1", receiver.url, "é".repeat(TEN_MB / 2)), { durable: true });
    await expect.poll(() => receiver.received[0]?.body.length).toBe(TEN_MB / 2);
  });
});

describe("an event with a NUL character", () => {
  it.each([
    ["body", event("e1", "https://example.com/", "a\0b")],
    ["endpoint", event("e1", "https://example.com/\0")],
  ])("in its %s is refused with the field named, since a database would refuse the whole batch", async (field, bad) => {
    const gate = openGate();
    const [refused, other] = await Promise.allSettled([
      gate.deliver(bad, { durable: true }),
      gate.deliver(event("e2", "https://example.com/"), { durable: true }),
    ]);
    expect(refused).toMatchObject({
      reason: { code: "input_invalid", message: expect.stringContaining(`webhook ${field}: must have no NUL`) },
    });
    expect(other.status).toBe("fulfilled");
  });

  it("that is not a string has it written as JSON does, and is taken", async () => {
    const gate = openGate();
    const receiver = await startReceiver();
    await gate.deliver(event("e1", receiver.url, { text: "a\0b" }));
    expect(receiver.received[0]?.body).toBe('{"text":"a\\u0000b"}');
  });
});
