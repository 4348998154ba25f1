import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compilePolicy, standardPolicy } from "@dimmer/core";
import { createKeyDirectory } from "@dimmer/feed/node";
import { type HeadPayload, inspectStatement } from "@dimmer/statement";
import { describe, expect, it } from "vitest";
import { createPublisher, type Publisher } from "../../src/dev/publisher.ts";
import { scratch } from "../run-dimmer.ts";

const STARTED_MS = Date.UTC(2026, 11, 9);

async function publishing(): Promise<{
  publisher: Publisher;
  file: string;
  clock: { nowMs: number };
  head: () => HeadPayload;
}> {
  const dir = scratch();
  const file = join(dir, "tenants.yaml");
  writeFileSync(
    file,
    "- tenant: a\n  plan: pro\n  restrictions: [{ cause: manual, case: c, steps: [{ at: now+2m, mode: limited }] }]\n",
  );
  const clock = { nowMs: STARTED_MS };
  const publisher = createPublisher({
    tenantsFile: file,
    policy: standardPolicy,
    compiled: compilePolicy(standardPolicy),
    keys: await createKeyDirectory(join(dir, "keys")),
    feedDir: join(dir, "feed"),
    audience: "development",
    startedMs: STARTED_MS,
    nowMs: () => clock.nowMs,
  });
  const head = (): HeadPayload =>
    inspectStatement(readFileSync(join(dir, "feed/head.jws"), "utf8")).payload as HeadPayload;
  return { publisher, file, clock, head };
}

describe("the development feed", () => {
  it("is signed anew without becoming another one, so that it stays fresh", async () => {
    const { publisher, clock, head } = await publishing();
    await publisher.publish();
    const first = head();
    clock.nowMs += 10_000;
    expect(await publisher.renew()).toMatchObject({ changed: false });
    expect(head()).toEqual({ ...first, iat: first.iat + 10, fresh_until: first.fresh_until + 10 });
    expect(first.fresh_until - first.iat).toBe(60);
  });

  it("counts relative instants from its start: saved again later, a file says the same", async () => {
    const { publisher, file, clock } = await publishing();
    await publisher.publish();
    clock.nowMs += 90_000;
    expect(await publisher.publish()).toMatchObject({ changed: false, version: { seq: 1 } });
    writeFileSync(file, readFileSync(file, "utf8").replace("now+2m", "now+3m"));
    expect(await publisher.publish()).toMatchObject({ changed: true, version: { seq: 2 } });
  });

  it("goes on being signed from what was last good while the file is at fault or gone", async () => {
    const { publisher, file, clock, head } = await publishing();
    await publisher.publish();
    const first = head();
    writeFileSync(file, "- tenant: a\n  plan: gold\n");
    clock.nowMs += 1_000;
    await expect(publisher.publish()).rejects.toThrow(
      'tenants.yaml:2: tenant "a", plan: plan "gold" is not in the policy',
    );
    expect(head()).toEqual(first);
    rmSync(file);
    await expect(publisher.publish()).rejects.toMatchObject({ code: "disk_failed" });
    expect(await publisher.renew()).toMatchObject({ changed: false });
    expect(head().index).toBe(first.index);
  });

  it("is signed by one call after the other, whatever is asked at once", async () => {
    const { publisher, file } = await publishing();
    await publisher.publish();
    writeFileSync(file, "- { tenant: b, plan: pro }\n");
    const built = await Promise.all([publisher.renew(), publisher.publish(), publisher.renew(), publisher.publish()]);
    expect(built.map(({ version }) => version.seq)).toEqual([1, 2, 2, 2]);
  });
});
