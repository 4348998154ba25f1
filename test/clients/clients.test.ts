import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { WireEntitlement } from "@dimmer/statement";
import { describe, expect, it, onTestFinished } from "vitest";
import { NOW_MS, type RunningSidecar, runSidecar, testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { isThere, PYTHON } from "../deploy/programs.ts";
import { fencesOf, type Step, stepsOf } from "./fences.ts";

const PAGES = resolve(import.meta.dirname, "../../docs/clients");
const DAY_S = 86_400;

/** A page, and what must be on the machine for its programs. */
interface Client {
  readonly page: string;
  readonly probe: readonly [command: string, ...args: string[]];
  /** How its programs reach the sidecar. */
  readonly addresses: readonly ("socket" | "tcp")[];
  /** What its first line says when no sidecar is there. */
  readonly withoutSidecar?: string;
  /** Its first question, written wrongly, and what its first line says then. */
  readonly mistakes?: readonly (readonly [asked: string, misspelt: string, told: string])[];
}

const FIRST = '"acme", "create", "member"';
const OWNER = '"acme", "create", "owner"';

const CLIENTS: readonly Client[] = [
  { page: "README.md", probe: ["curl", "--version"], addresses: ["tcp"] },
  {
    page: "python.md",
    probe: ["python3", "--version"],
    addresses: ["socket", "tcp"],
    withoutSidecar: "acme create member → allowed (no answer)",
    mistakes: [[FIRST, OWNER, "acme create owner → denied (no question)"]],
  },
  {
    page: "go.md",
    probe: ["go", "version"],
    addresses: ["socket", "tcp"],
    withoutSidecar: "acme create member → allowed (no answer)",
    mistakes: [[FIRST, OWNER, "acme create owner → denied (no question)"]],
  },
  {
    page: "java.md",
    probe: ["javac", "-version"],
    addresses: ["tcp"],
    withoutSidecar: "acme member POST /notes: allowed (no answer)",
    mistakes: [['"acme", "member", "POST"', '"acme", "owner", "POST"', "acme owner POST /notes: 400 ()"]],
  },
  {
    page: "openfeature.md",
    probe: [PYTHON, "-c", "import openfeature.contrib.provider.ofrep"],
    addresses: ["tcp"],
    withoutSidecar: "acme create member → True GENERAL",
    mistakes: [
      [FIRST, OWNER, "acme create owner → False INVALID_CONTEXT"],
      [FIRST, '"acme", "craete", "member"', "acme craete member → False FLAG_NOT_FOUND"],
    ],
  },
];

const here = CLIENTS.filter(({ page, probe: [command, ...args] }) =>
  isThere(command, args, `the programs of docs/clients/${page}: ${command} is not there, or lacks what they import`),
);

async function sidecarOfThePages(): Promise<RunningSidecar> {
  const day = (days: number): number => NOW_MS / 1_000 + days * DAY_S;
  const steps = [
    { at: day(-1), mode: "limited" },
    { at: day(6), mode: "read_only" },
  ];
  const entitlements: WireEntitlement[] = [
    { tenant: "acme", plan: "pro", restrictions: [{ cause: "nonpayment", case: "case_acme", steps }] },
    { tenant: "globex", plan: "pro" },
  ];
  return await runSidecar(await testFeed({ entitlements, locks: [] }));
}

/** A folder with the programs of a page. */
function folderOf(page: string, rewrite = (code: string): string => code): string {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const { file, code } of fencesOf(readFileSync(join(PAGES, page), "utf8"))) {
    if (file !== undefined) writeFileSync(join(folder, file), rewrite(code));
  }
  return folder;
}

/** Runs a command of a page in a shell, beside the event loop on which the sidecar answers. */
async function shell(command: string, folder: string, env: Readonly<Record<string, string>>): Promise<string> {
  const path = [dirname(PYTHON), process.env["PATH"]].filter((part) => part !== "." && part !== undefined);
  const child = spawn("/bin/sh", ["-ec", command], {
    cwd: folder,
    env: { ...process.env, PYTHONIOENCODING: "utf-8", ...env, PATH: path.join(delimiter) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

it("every page has programs that are run here, or says on which machine they are", () => {
  expect(new Set(CLIENTS.map(({ page }) => page))).toEqual(new Set(readdirSync(PAGES)));
  for (const { page } of CLIENTS) {
    expect(stepsOf(fencesOf(readFileSync(join(PAGES, page), "utf8"))).length).toBeGreaterThan(0);
  }
});

const stepsOfPage = (page: string): Step[] => stepsOf(fencesOf(readFileSync(join(PAGES, page), "utf8")));
/** Compilers and virtual machines take their time where others work as well; the programs' own bound is not what is tried. */
const PATIENT = { timeout: 300_000 };
const PATIENT_PROGRAMS = { DIMMER_TIMEOUT_MS: "20000" };

describe.each(here)("the programs of docs/clients/$page", PATIENT, ({ page, addresses }) => {
  it.each(addresses)("print over %s what the page says", async (kind) => {
    const sidecar = await sidecarOfThePages();
    const tcp = `127.0.0.1:${sidecar.port}`;
    const address = kind === "socket" ? `unix:${sidecar.socketPath}` : tcp;
    const folder = folderOf(page);
    for (const { command, output } of stepsOfPage(page)) {
      const env = { ...PATIENT_PROGRAMS, DIMMER_SIDECAR: address, SIDECAR: `http://${tcp}` };
      expect((await shell(command, folder, env)).trim()).toBe(output.trim());
    }
  });
});

describe.each(here.filter(({ withoutSidecar }) => withoutSidecar !== undefined))(
  "without a sidecar the programs of docs/clients/$page",
  PATIENT,
  ({ page, withoutSidecar }) => {
    it("go on, and say so", async () => {
      const sidecar = await sidecarOfThePages();
      const address = `127.0.0.1:${sidecar.port}`;
      await sidecar.close();
      const folder = folderOf(page);
      for (const { command } of stepsOfPage(page)) {
        const printed = await shell(command, folder, { ...PATIENT_PROGRAMS, DIMMER_SIDECAR: address });
        expect(printed.split("\n")[0]).toBe(withoutSidecar);
      }
    });
  },
);

describe.each(
  here.flatMap(({ page, mistakes = [] }) => mistakes.map(([from, to, told]) => ({ page, from, to, told }))),
)("asked for $to, the programs of docs/clients/$page", PATIENT, ({ page, from, to, told }) => {
  it("let nobody in by their own mistake", async () => {
    const sidecar = await sidecarOfThePages();
    const folder = folderOf(page, (code) => code.replace(from, to));
    for (const { command } of stepsOfPage(page)) {
      const env = { ...PATIENT_PROGRAMS, DIMMER_SIDECAR: `127.0.0.1:${sidecar.port}` };
      expect((await shell(command, folder, env)).split("\n")[0]).toBe(told);
    }
  });
});
