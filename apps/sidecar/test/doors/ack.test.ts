import { httpSource } from "@dimmer/feed/node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { runSidecar, testFeed } from "../running-sidecar.ts";

const ACK = { replica: "billing-api:1", epoch: 1, seq: 1, followers: 2, quarantine: 1, refusals: 3 };

describe("/v1/feed/ack", () => {
  it("notes what a follower enforces", async () => {
    const { replica, socketPath } = await runSidecar(await testFeed());
    const note = vi.spyOn(replica, "noteFollower");
    const source = httpSource(`unix:${socketPath}`);
    onTestFinished(() => source.close?.());
    await source.ack?.(ACK, new AbortController().signal);
    expect(note.mock.calls).toEqual([[ACK]]);
  });

  it("takes what is left out for none, and passes over what it does not know", async () => {
    const { replica, ask } = await runSidecar(await testFeed());
    const note = vi.spyOn(replica, "noteFollower");
    const body = { replica: "a", epoch: 1, seq: 0, ageMs: 7, future: { deep: [1] } };
    const answer = await ask("/v1/feed/ack", { body });
    expect([answer.status, answer.text]).toEqual([204, ""]);
    expect(note.mock.calls).toEqual([[{ replica: "a", epoch: 1, seq: 0, followers: 0, quarantine: 0, refusals: 0 }]]);
  });

  it("refuses what is no acknowledgement, naming the field, and notes nothing", async () => {
    const { replica, ask } = await runSidecar(await testFeed());
    const note = vi.spyOn(replica, "noteFollower");
    const wrong: [unknown, string | undefined][] = [
      [{ ...ACK, replica: "" }, "replica"],
      [{ ...ACK, replica: "a".repeat(201) }, "replica"],
      [{ ...ACK, replica: "a b" }, "replica"],
      [{ ...ACK, epoch: -1 }, "epoch"],
      [{ ...ACK, seq: 1.5 }, "seq"],
      [{ ...ACK, seq: "1" }, "seq"],
      [{ ...ACK, followers: 1e7 }, "followers"],
      [{ ...ACK, quarantine: null }, "quarantine"],
      [{ ...ACK, refusals: Number.MAX_SAFE_INTEGER + 2 }, "refusals"],
      [[], undefined],
      ["{", undefined],
      ["", undefined],
    ];
    for (const [body, field] of wrong) {
      const answer = await ask("/v1/feed/ack", { body });
      const problem = answer.json() as { readonly field?: string };
      expect([answer.status, problem.field], JSON.stringify(body)).toEqual([400, field]);
    }
    const large = await ask("/v1/feed/ack", { body: `${JSON.stringify(ACK)}${" ".repeat(4_096)}` });
    expect([large.status, large.headers.connection]).toEqual([413, "close"]);
    expect(note).not.toHaveBeenCalled();
  });
});
