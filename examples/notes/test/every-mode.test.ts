import { PRINCIPALS, type Principal, standardPolicy } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { lockOf, TestWorld } from "@dimmer/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { productOf, unpaid } from "./notes-product.ts";

const MODES = [...standardPolicy.modes.map(({ name }) => name), "locked"] as const;

interface Route {
  readonly line: string;
  readonly body?: unknown;
  /** Who gets through in each of `MODES`, by first letters: admin, billing, member, service. */
  readonly admits: readonly string[];
}

const all = "abms";
const none = "----";

/** Written by hand from the table of the standard policy, not worked out by the code under test. */
const routes: readonly Route[] = [
  { line: "GET /health", admits: [all, all, all, all, all, all, all, all] },
  { line: "POST /logout", admits: [all, all, all, all, all, all, all, all] },
  { line: "POST /login", admits: [all, all, all, all, "ab--", "ab--", none, none] },
  { line: "GET /session", admits: [all, all, all, all, "ab--", "ab--", none, none] },
  { line: "GET /account", admits: [all, all, all, all, "ab--", "ab--", none, none] },
  { line: "GET /notes", admits: [all, all, all, all, "ab--", none, none, none] },
  { line: "GET /notes?q=printer", admits: [all, all, all, all, "ab--", none, none, none] },
  { line: "GET /notes/welcome-1", admits: [all, all, all, all, "ab--", none, none, none] },
  { line: "POST /notes", body: { text: "x" }, admits: [all, all, none, none, none, none, none, none] },
  { line: "PUT /notes/welcome-1", body: { text: "x" }, admits: [all, all, all, none, none, none, none, none] },
  { line: "DELETE /notes/welcome-1", admits: [all, all, all, none, none, none, none, none] },
  { line: "GET /export.json", admits: [all, all, all, all, "ab-s", "ab-s", none, none] },
  { line: "GET /export.csv", admits: [all, all, all, all, "ab-s", "ab-s", none, none] },
  { line: "POST /pay", admits: [all, all, all, all, "ab-s", "ab-s", none, none] },
  { line: "PUT /contact", body: { email: "a@b.example" }, admits: [all, all, all, all, "ab-s", "ab-s", none, none] },
  { line: "POST /cancel", admits: [all, all, all, all, "ab-s", "ab-s", none, none] },
];

const WAYS_OUT = ["GET /export.json", "GET /export.csv", "POST /pay", "PUT /contact", "POST /cancel"];

let world: TestWorld;
let dimmer: Dimmer;

beforeAll(async () => {
  world = await TestWorld.create({
    tenants: MODES.map((mode) => ({
      tenant: `in-${mode}`,
      plan: "pro",
      ...(mode === "full" || mode === "locked" ? {} : { restrictions: [unpaid(mode)] }),
    })),
    locks: [lockOf("in-locked")],
  });
  ({ dimmer } = world);
});
afterAll(() => world.close());

/** A route of the running product, asked in a mode by a class of principal. */
async function statusOf({ line, body }: Route, mode: string, principal: Principal): Promise<number> {
  const [method = "", path = ""] = line.split(" ");
  const sent = path === "/login" ? { tenant: `in-${mode}`, as: principal } : body;
  const { app } = productOf(dimmer);
  const response = await app.request(path, {
    method,
    headers: path === "/login" ? {} : { authorization: `Bearer in-${mode}:${principal}` },
    ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
  });
  return response.status;
}

async function admittedTo(route: Route, mode: string): Promise<string> {
  let letters = "";
  for (const principal of PRINCIPALS) {
    const status = await statusOf(route, mode, principal);
    expect([200, 201, 202, 204, 402, 403], `${route.line} in ${mode}`).toContain(status);
    letters += status < 300 ? principal.charAt(0) : "-";
  }
  return letters;
}

describe("every route in every mode, through the running product", () => {
  it.each(routes.map((route) => [route.line, route] as const))(
    "D5 · %s admits whom its mode admits",
    async (_line, route) => {
      const admitted: string[] = [];
      for (const mode of MODES) admitted.push(await admittedTo(route, mode));
      expect(Object.fromEntries(MODES.map((mode, at) => [mode, admitted[at]]))).toEqual(
        Object.fromEntries(MODES.map((mode, at) => [mode, route.admits[at]])),
      );
    },
  );

  it.each(standardPolicy.modes.map(({ name }) => name).filter((mode) => mode !== "closed"))(
    "D5 · admins export, pay, change contacts and leave in %s",
    async (mode) => {
      for (const line of WAYS_OUT) {
        const route = routes.find((known) => known.line === line) as Route;
        expect([line, await statusOf(route, mode, "admin")]).toEqual([line, expect.toSatisfy((s: number) => s < 300)]);
      }
    },
  );

  it("D5 · the table of all of it, printed", async () => {
    const lines = [["", ...MODES], ...routes.map(({ line }) => [line])];
    for (const [at, route] of routes.entries()) {
      for (const mode of MODES) lines[at + 1]?.push(await admittedTo(route, mode));
    }
    const width = (column: number): number => Math.max(...lines.map((line) => line[column]?.length ?? 0));
    const table = lines.map((line) => line.map((text, column) => text.padEnd(width(column))).join("  "));
    console.log(`Who gets through: a(dmin), b(illing), m(ember), s(ervice)\n${table.join("\n")}`);
    expect(lines.flat()).toHaveLength((routes.length + 1) * (MODES.length + 1));
  });

  it("denies by nonpayment with 402, by principal and by lock with 403", async () => {
    const create = routes.find(({ line }) => line === "POST /notes") as Route;
    const pay = routes.find(({ line }) => line === "POST /pay") as Route;
    expect(await statusOf(create, "limited", "member")).toBe(402);
    expect(await statusOf(pay, "read_only", "member")).toBe(403);
    expect(await statusOf(pay, "locked", "admin")).toBe(403);
  });
});
