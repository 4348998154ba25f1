import { readdirSync, readFileSync } from "node:fs";
import { isCanonical } from "@dimmer/sdk/routes";
import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "./running-sidecar.ts";
import { scratchFile } from "./scratch.ts";

const corpus = new URL("../../../test/corpus/", import.meta.url);

interface PathCase {
  readonly target: string;
  /** As it is read. */
  readonly path?: string;
  readonly then?: { readonly text: string; readonly times: number };
  readonly fault?: string;
}
interface RouteFile {
  readonly routes: readonly object[];
  readonly cases: readonly {
    readonly method: string;
    readonly target: string;
    readonly capability?: string;
    readonly feature?: string;
    readonly fault?: string;
  }[];
}

function filesOf<T>(folder: string): { readonly name: string; readonly content: T }[] {
  return readdirSync(new URL(folder, corpus)).map((name) => ({
    name,
    content: JSON.parse(readFileSync(new URL(`${folder}${name}`, corpus), "utf8")) as T,
  }));
}

/**
 * Tells whether a target is written as it is read. What every reader takes alike makes no difference: the case of encoded
 * digits, characters left as they are, a slash at the end.
 */
function isWrittenAsRead(target: string, path: string): boolean {
  const written = (target.split("?")[0] as string)
    .replaceAll(/[^\x21-\x7e]|["<>^`{|}]/g, (character) => encodeURIComponent(character))
    .replace(/(?<=.)\/$/, "");
  return target.startsWith("//") ? false : written.toLowerCase() === path.toLowerCase();
}

const questionOf = (method: string, path: string): object => ({ tenant: "acme", request: { method, path } });

describe.each(filesOf<PathCase[]>("paths/"))("paths of $name", ({ content }) => {
  it("are refused with the field and the reason where they are ambiguous or written in another way, whatever the method", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const { target: begin, then, path = "", fault } of content) {
      const target = then === undefined ? begin : begin + then.text.repeat(then.times);
      const isTaken = fault === undefined && (path === "the target" || isWrittenAsRead(target, path));
      for (const method of ["GET", "OPTIONS"]) {
        const answer = await ask("/v1/check", { body: questionOf(method, target) });
        const why = fault ?? `not written in its canonical way, ${path}`;
        const problem = { field: "request.path", detail: `request.path is ambiguous: ${why}` };
        if (isTaken) expect(answer.status, target).toBe(200);
        else expect([answer.status, answer.json()], target).toEqual([400, expect.objectContaining(problem)]);
      }
    }
  });
});

describe.each(filesOf<RouteFile>("routes/"))("routes of $name", ({ content: { routes, cases } }) => {
  it("D1 · are classified as in process", async () => {
    const flags = { routes: scratchFile("routes.yaml", JSON.stringify(routes)) };
    const { ask } = await runSidecar(await testFeed(), { flags });
    for (const { method, target, capability, feature, fault } of cases) {
      const answer = await ask("/v1/check", { body: questionOf(method, target) });
      const place = `${method} ${target}`;
      // No request has a method of no characters: in process it counts as a change, a question of it is malformed.
      const isRefused = fault !== undefined || method !== method.toUpperCase() || method === "" || !isCanonical(target);
      expect(answer.status, place).toBe(isRefused ? 400 : 200);
      if (!isRefused) {
        expect(answer.json(), place).toMatchObject({ capability, ...(feature === undefined ? {} : { feature }) });
      }
    }
  });
});
