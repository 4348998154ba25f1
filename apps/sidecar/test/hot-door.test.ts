import { createServer } from "node:http";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { answerOf } from "../src/answer-book.ts";
import { createCounters } from "../src/counters.ts";
import { hotDoor } from "../src/hot-door.ts";
import { listenOnTcp } from "../src/listen/tcp.ts";
import { ask } from "./http-client.ts";

describe("hotDoor", () => {
  it("tells a stranger nothing of what failed inside but a correlation, and the log the rest", async () => {
    const logged: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void logged.push(line) });
    const counters = createCounters();
    const door = hotDoor({
      counted: "check",
      maxBytes: 100,
      answer: (text) => {
        if (text === "fail") throw new Error("secret of the implementation");
        return answerOf('{"ok":true}');
      },
      counters,
      log,
      isStopping: () => false,
    });
    const server = createServer(door);
    onTestFinished(() => void server.close());
    const { port } = await listenOnTcp(server, { host: "127.0.0.1", port: 0 });
    const failed = await ask({ port }, "/", { body: "fail" });
    const { correlation, ...problem } = failed.json() as Record<string, unknown>;
    expect([failed.status, failed.headers["content-type"]]).toEqual([500, "application/problem+json"]);
    expect(problem).toEqual({
      type: "urn:dimmer:problem:internal",
      title: "The sidecar failed to answer",
      status: 500,
      detail: "the fault is the sidecar's own and stands in its log under this correlation",
    });
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? "")).toMatchObject({
      level: 50,
      correlation,
      err: { message: "secret of the implementation", stack: expect.stringContaining("hot-door") as unknown },
    });
    expect((await ask({ port }, "/", { body: "again" })).status).toBe(200);
    expect([counters.requests.check, counters.refused[500]]).toEqual([2, 1]);
  });
});
