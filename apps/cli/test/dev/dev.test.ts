import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { parseEnv, promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { DevReport } from "../../src/dev/run-dev.ts";
import { dimmer, firstLine, isAlive, jsonOf, type Run, startDimmer } from "../run-dimmer.ts";
import { createNote, devArguments, devDirectory, type RunningDev, startDev, timeUntil } from "./running-dev.ts";

const shell = promisify(execFile);

interface PrintedStep {
  readonly command: string;
  readonly statuses: readonly string[];
  readonly says: string | undefined;
}

/** The lines to try, as they are printed: a command, and below it what to expect. */
function printedSteps(text: string): PrintedStep[] {
  return [...text.matchAll(/^ {3}(curl .*)\n {3}→ ([\d, ]+)(?: and “(.*)”)?$/gm)].map(
    ([, command, statuses, says]) => ({
      command: command as string,
      statuses: (statuses as string).trim().split(", "),
      says,
    }),
  );
}

/** The lines of the life of an unpaid invoice, and the words that stand in what each prints. */
function printedLife(text: string): { readonly line: string; readonly says: string }[] {
  return [...text.matchAll(/^ {3}(.*)\n {3}→ (.*) … {2}\(.*\)$/gm)].map(([, line, says]) => ({
    line: line as string,
    says: says as string,
  }));
}

/** The processes that a process has started. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await shell("ps", ["-o", "pid=", "--ppid", String(pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}

function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

describe("dimmer dev", () => {
  let dev: RunningDev;
  let products: string[];
  const event = async (pattern: RegExp): Promise<void> =>
    await vi.waitFor(() => expect(dev.stdout()).toMatch(pattern), { timeout: 5_000, interval: 10 });

  beforeAll(async () => {
    dev = await startDev();
    products = [dev.urls.get("notes"), dev.urls.get("python")].filter((url) => url !== undefined);
  });
  afterAll(async () => await dev.end());

  it("runs within ten seconds and says what runs where", () => {
    console.log(`dimmer dev: ${dev.startedInMs.toFixed(0)} ms until all of it ran`);
    expect(dev.startedInMs).toBeLessThan(10_000);
    expect([...dev.urls.keys()].slice(0, 3)).toEqual(["authority", "sidecar", "notes"]);
    expect(dev.stdout()).toMatch(
      /^ {2}python +(?:http:\/\/127\.0\.0\.1:\d+|- +not started: python3 is not installed)/m,
    );
    expect(dev.stdout()).toContain(`unix:${join(dev.dir, ".dimmer/sidecar.sock")}`);
    expect(dev.stdout()).toMatch(/trust SHA256:\S{43}/);
    expect(dev.stderr()).toBe("");
    expect(statSync(join(dev.dir, ".dimmer")).mode & 0o777).toBe(0o700);
    const credentials = join(dev.dir, ".dimmer/credentials");
    for (const name of readdirSync(credentials)) expect(statSync(join(credentials, name)).mode & 0o777).toBe(0o600);
    expect(dev.stdout()).toContain(join(credentials, "developer.key"));
    expect(parseEnv(readFileSync(join(dev.dir, ".dimmer/product.env"), "utf8"))).toEqual({
      DIMMER_FEED: `unix:${join(dev.dir, ".dimmer/sidecar.sock")}`,
      DIMMER_TRUST: expect.stringMatching(/^SHA256:\S{43}$/),
    });
  });

  it("prints seven curl lines that give, in a shell, just what is printed below them", async () => {
    const steps = printedSteps(dev.stdout());
    expect(steps.map(({ statuses }) => statuses.join(" "))).toEqual([
      "201",
      "402",
      "200 200 202",
      "403 403",
      "200 200",
      "403 403 403",
      "200 200 402",
    ]);
    for (const { command, statuses, says } of steps) {
      const { stdout } = await shell("sh", ["-c", command]);
      expect({ command, statuses: stdout.match(/^\d{3}$/gm) }).toEqual({ command, statuses });
      if (says !== undefined) expect((JSON.parse(stdout.split("\n")[0] ?? "") as { title: string }).title).toBe(says);
    }
    expect(steps[1]?.says).toBeDefined();
  });

  it("answers checks of the command line", async () => {
    const dir = join(dev.dir, ".dimmer");
    const no = await dimmer(["check", "acme", "create", "--principal", "member", "--dir", dir]);
    expect(no.status).toBe(1);
    expect(no.stdout).toMatch(
      /^denied: acme create \(restricted by nonpayment\)\n {2}mode limited since .*, fresh, version 1\.\d+\n {2}next read_only at /,
    );
    const yes = await dimmer(["check", "acme", "view", "--sidecar", dev.urls.get("sidecar") ?? "", "--json"]);
    expect(yes.status).toBe(0);
    expect(jsonOf(yes)).toMatchObject({ allowed: true, reason: "granted", mode: "limited" });
    const bad = await dimmer(["check", "acme", "view", "--principal", "boss", "--dir", dir]);
    expect(bad.status).toBe(2);
    expect(bad.stderr).toMatch(/^dimmer: .*principal.*\n$/);
  });

  it("prints commands that work as they stand: acme pays, and within a second both products allow again", async () => {
    // The lines of the life of an invoice stand apart, below each what it prints.
    const [pay, ...more] = [...dev.stdout().matchAll(/(?<!^ {3})npx dimmer ([a-z][^·\n]*?) *(?:·|$)/gm)].map(
      ([, line]) => line?.split(" ") as string[],
    );
    expect([pay, ...more]).toEqual([["tenant", "pay", "acme"], ["ledger", "--tenant", "acme"], ["fleet"]]);
    expect(await Promise.all(products.map((url) => createNote(url, "acme")))).toEqual(products.map(() => 402));
    const paid = await dimmer(pay as string[], { cwd: dev.dir });
    expect(paid).toMatchObject({ status: 0, stderr: "" });
    expect(paid.stdout).toMatch(
      /^acme has paid: case_acme_42 closed\n {2}version 1\.\d+, enforced by the sidecar after \d+ ms\n$/,
    );
    const tookMs = await timeUntil(201, "acme", products);
    console.log(`tenant pay: both products allow ${tookMs.toFixed(0)} ms after the command has ended`);
    expect(tookMs).toBeLessThan(1_000);
    await event(/acme: limited → full/);
    const [ledger, fleet] = await Promise.all(more.map((line) => dimmer(line, { cwd: dev.dir })));
    expect(ledger?.stdout).toMatch(/ {2}tenants-file {2}restriction\.put {4}case:case_acme_42 /);
    expect(ledger?.stdout).toMatch(
      / {2}developer {5}restriction\.clear {2}case:case_acme_42 {2}dimmer tenant pay, typed by /,
    );
    expect(fleet?.stdout).toMatch(/^published is version 1\.\d+/);
  });

  it("lets both products deny within a second of an edit, however it is saved", async () => {
    const good = readFileSync(dev.tenants, "utf8");
    const limited = `${good}\n- tenant: kaede\n  plan: starter\n  restrictions: [{ cause: manual, case: c1, steps: [{ at: now-5h, mode: limited }] }]\n`;
    writeFileSync(`${dev.tenants}.tmp`, limited);
    renameSync(`${dev.tenants}.tmp`, dev.tenants);
    const renamedMs = await timeUntil(403, "kaede", products);
    writeFileSync(dev.tenants, limited.replace("now-5h", "now+5h"));
    const inPlaceMs = await timeUntil(201, "kaede", products);
    console.log(`an edit: ${renamedMs.toFixed(0)} ms renamed over, ${inPlaceMs.toFixed(0)} ms written in place`);
    expect(Math.max(renamedMs, inPlaceMs)).toBeLessThan(1_000);
  });

  it("opens a case anew that the file says again after it was closed", async () => {
    const file = readFileSync(dev.tenants, "utf8");
    writeFileSync(dev.tenants, file.replace("{ at: now+6d, mode: read_only }", "{ at: now+5d, mode: read_only }"));
    expect(await timeUntil(402, "acme", products)).toBeLessThan(1_000);
    const shown = jsonOf(await dimmer(["tenant", "show", "acme", "--json"], { cwd: dev.dir }));
    expect(shown["causes"]).toMatchObject([{ cause: "nonpayment", case: "case_acme_42.2", mode: "limited" }]);
  });

  it("holds back an edit that narrows too much at once, until a second person approves it", async () => {
    const good = readFileSync(dev.tenants, "utf8");
    const limited = (i: number): string =>
      `- { tenant: many-${i}, plan: pro, restrictions: [{ cause: manual, case: m${i}, steps: [{ at: now-1h, mode: limited }] }] }\n`;
    writeFileSync(dev.tenants, `${good}\n${Array.from({ length: 20 }, (_, i) => limited(i)).join("")}`);
    await event(/it narrows too much at once and waits: npx dimmer change-set approve set_/);
    const line = /npx dimmer (change-set approve set_\S+)/.exec(dev.stdout())?.[1] as string;
    const held = jsonOf(await dimmer(["change-set", "list", "--json"], { cwd: dev.dir }))["changeSets"];
    expect(held).toMatchObject([{ state: "waiting", kind: "entitlement" }]);
    const developer = ["--api-key-file", join(dev.dir, ".dimmer/credentials/tenants-file.key")];
    const refused = await dimmer([...line.split(" "), ...developer], { cwd: dev.dir });
    expect(refused).toMatchObject({
      status: 1,
      stderr: "dimmer: who asked is not who approves: let somebody else approve it\n",
    });
    expect((await dimmer(line.split(" "), { cwd: dev.dir })).status).toBe(0);
    const modes = await Promise.all(products.map((url) => createNote(url, "many-19")));
    expect(modes).toEqual(products.map(() => 403));
    writeFileSync(dev.tenants, good);
    await timeUntil(201, "many-19", products);
  });

  it("L1 L3 D5 · lives through an unpaid invoice by the lines that it prints, up to the payment", async () => {
    const life = printedLife(dev.stdout());
    expect(life).toHaveLength(9);
    const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
    const commands = life.flatMap(({ line }) => (line.startsWith("npx ") ? [line] : []));
    const shown = [...readme.matchAll(/^(npx dimmer .*?) +#/gm)].map(([, line]) => line);
    expect(shown).toEqual(expect.arrayContaining(commands));
    for (const { line, says } of life) {
      const words = /^npx dimmer (.*)$/.exec(line)?.[1]?.split(" ");
      const { stdout } = words === undefined ? await shell("sh", ["-c", line]) : await dimmer(words, { cwd: dev.dir });
      expect({ line, stdout }).toEqual({ line, stdout: expect.stringContaining(says) });
      const tookMs = /had it (\d+) ms after/.exec(stdout)?.[1];
      if (tookMs === undefined) continue;
      // Of a replica behind a replica it is known when both have said so, which each does once a second at most.
      console.log(`dimmer pay: the last replica has said so ${tookMs} ms after the payment`);
      expect(Number(tookMs)).toBeLessThan(3_000);
    }
    const [, mailbox] = /the mails lie at (http:\S+):/.exec(dev.stdout()) as unknown as [string, string];
    const mails = await (await fetch(mailbox)).text();
    for (const what of ["keiri@fuji-print.example", "due_day", "warning", "limited", "suspended", "restored"]) {
      expect(mails).toContain(what);
    }
    await event(/fuji-print: full → grace/);
    await event(/fuji-print: grace → limited/);
    await event(/fuji-print: limited → read_only/);
    await event(/fuji-print: read_only → full/);
  });

  it("finds nothing wrong with itself", async () => {
    const run = await dimmer(["doctor"], { cwd: dev.dir });
    expect(run).toMatchObject({ status: 0, stderr: "" });
    for (const about of ["keys", "store", "ports", "feed", "clock", "sidecar"]) {
      expect(run.stdout).toMatch(new RegExp(`^ok {2}${about} `, "m"));
    }
    expect(run.stdout).toMatch(/\nnothing is wrong\n$/);
  });

  it("reports a broken edit with file, line and field, and changes nothing", async () => {
    const good = readFileSync(dev.tenants, "utf8");
    writeFileSync(dev.tenants, good.replace("mode: read_only", "mode: frozen"));
    await event(
      /not applied, all stays as it was: .*tenants\.yaml:\d+: tenant "minato-city", restrictions\[0\]\.steps\[2\]\.mode: mode "frozen" is not in the policy/,
    );
    writeFileSync(dev.tenants, "");
    await event(/all stays as it was: .*tenants\.yaml:1: holds no tenants/);
    rmSync(dev.tenants);
    await event(/tenants\.yaml is gone; all stays as it was/);
    expect(await Promise.all(products.map((url) => createNote(url, "blue-harbor")))).toEqual(products.map(() => 402));
    writeFileSync(dev.tenants, good);
    await event(/tenants\.yaml: says what it said before/);
  });

  it("refuses to be started twice in one directory", async () => {
    const run = await dimmer(devArguments(dev.dir, dev.tenants));
    expect(run).toMatchObject({ status: 3, stdout: "" });
    expect(run.stderr).toMatch(/^dimmer: a "dimmer dev" \(process \d+\) runs in .* already; .*--dir.*\n$/);
  });

  it.each([
    ["--authority-port", "the authority"],
    ["--port", "the sidecar"],
    ["--notes-port", "the notes product"],
  ])("names the port that is taken, who wants it, and %s to change it", async (flag, by) => {
    const made = devDirectory();
    onTestFinished(made.remove);
    const { port } = new URL(dev.urls.get("sidecar") ?? "");
    const run = await dimmer([...devArguments(made.dir, made.tenants), flag, port]);
    expect(run).toMatchObject({ status: 3, stdout: "" });
    expect(run.stderr).toBe(
      `dimmer: port ${port} on 127.0.0.1 is taken: ${by} wants it; stop what listens there, or choose another port with ${flag} N (0 = any free one)\n`,
    );
  });

  it("stops everything at Ctrl-C, leaves no process and no socket, and ends with 0", async () => {
    const pids = await childrenOf(dev.child.pid);
    expect(pids).toHaveLength(products.length);
    dev.child.kill("SIGINT");
    expect(await once(dev.child, "close")).toEqual([0, null]);
    expect(dev.stdout()).toMatch(/\nstopped\n$/);
    expect(dev.stdout()).not.toMatch(/product \(process \d+\)/);
    expect(pids.filter(isAlive)).toEqual([]);
    for (const url of dev.urls.values()) expect(await isListening(url)).toBe(false);
    expect(existsSync(join(dev.dir, ".dimmer/sidecar.sock"))).toBe(false);
  });

  it("goes on where it was: what commands changed stays, what was saved meanwhile is applied, and no more", async () => {
    const file = readFileSync(dev.tenants, "utf8");
    const again = await startDev({ dir: dev.dir, more: ["--no-python"] });
    expect(again.stdout()).not.toMatch(/has changed since/);
    const run = async (...args: string[]): Promise<Run> => await dimmer(args, { cwd: dev.dir });
    expect((await run("tenant", "pay", "acme")).status).toBe(0);
    expect((await run("tenant", "plan", "sakura-soft", "enterprise")).status).toBe(0);
    again.child.kill("SIGTERM");
    expect(await once(again.child, "close")).toEqual([0, null]);
    writeFileSync(dev.tenants, file.replace("seats: 12", "seats: 13"));
    const later = await startDev({ dir: dev.dir, more: ["--no-python"] });
    expect(later.stdout()).toMatch(/the tenants file has changed since it was last applied: 1 tenants/);
    const show = async (id: string): Promise<Record<string, unknown>> =>
      jsonOf(await run("tenant", "show", id, "--json"));
    expect(await show("hinata-design")).toMatchObject({ features: { seats: 13 } });
    expect(await show("acme")).toMatchObject({ mode: "full" });
    expect(await show("sakura-soft")).toMatchObject({ plan: "enterprise" });
    later.child.kill("SIGTERM");
    expect(await once(later.child, "close")).toEqual([0, null]);
  });

  it("begins anew where its keys are gone, and keeps the store aside", async () => {
    rmSync(join(dev.dir, ".dimmer/keys"), { recursive: true });
    const anew = await startDev({ dir: dev.dir, more: ["--no-python"] });
    expect(anew.stdout()).toContain("authority.db are gone: it is kept as authority.db.before, and all begins anew");
    expect(anew.stdout()).toContain("new, trust SHA256:");
    expect(existsSync(join(dev.dir, ".dimmer/authority.db.before"))).toBe(true);
    expect(jsonOf(await dimmer(["tenant", "show", "acme", "--json"], { cwd: dev.dir }))).toMatchObject({
      mode: "limited",
    });
    await anew.end();
  });
});

describe("dimmer dev, in trouble", () => {
  it("does without Python where there is none, and reports a product that dies, the rest running on", async () => {
    const dev = await startDev({ env: { PATH: "/nowhere" } });
    onTestFinished(async () => await dev.end());
    const [pid] = await childrenOf(dev.child.pid);
    process.kill(pid as number, "SIGKILL");
    await vi.waitFor(() => expect(dev.stdout()).toMatch(/the notes product \(process \d+\) was ended by SIGKILL/), {
      timeout: 5_000,
      interval: 10,
    });
    expect((await fetch(`${dev.urls.get("sidecar")}/readyz`)).status).toBe(200);
    expect(dev.stdout()).toMatch(/^ {2}python +- +not started: python3 is not installed$/m);
    const commands = printedSteps(dev.stdout()).map(({ command }) => command);
    expect(commands).toHaveLength(7);
    for (const command of commands) expect(command).toContain(dev.urls.get("notes"));
  });

  it("leaves no product behind when it is killed itself, goes on where it was, and says under --json what it has started", async () => {
    const made = devDirectory();
    onTestFinished(made.remove);
    const child = startDimmer([...devArguments(made.dir, made.tenants), "--json"]);
    const report = JSON.parse(await firstLine(child)) as DevReport;
    expect(report).toMatchObject({ hasNewKeys: true, tenants: { count: 15 }, authority: { isNew: true } });
    expect(report.tour).toHaveLength(7);
    const pids = await childrenOf(child.pid);
    const told = [report.notes.pid, ...("pid" in report.python ? [report.python.pid] : [])];
    expect(new Set(pids)).toEqual(new Set(told));
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 5_000, interval: 20 });
    // And is no worse for it: what the store has is there again.
    const again = startDimmer([...devArguments(made.dir, made.tenants), "--json"]);
    expect(JSON.parse(await firstLine(again))).toMatchObject({ hasNewKeys: false, authority: { isNew: false } });
    again.kill("SIGINT");
    expect(await once(again, "close")).toEqual([0, null]);
  });

  it("moves the socket to a shorter path where its own would be too long, and says so", async () => {
    const made = devDirectory();
    onTestFinished(made.remove);
    const dir = join(made.dir, "d".repeat(110));
    const dev = await startDev({ dir: made.dir, more: ["--dir", dir, "--no-python"] });
    onTestFinished(async () => await dev.end());
    expect(dev.stdout()).toMatch(
      /unix:\S+ +every door, the feed too \(moved: the path below the directory is too long for a socket\)/,
    );
    expect((await dimmer(["check", "acme", "view", "--dir", dir])).status).toBe(0);
  });

  it("stops what it has started when Ctrl-C comes before it runs", async () => {
    const made = devDirectory();
    onTestFinished(made.remove);
    const child = startDimmer(devArguments(made.dir, made.tenants));
    await vi.waitFor(() => expect(existsSync(join(made.dir, ".dimmer/sidecar.sock"))).toBe(true), {
      timeout: 20_000,
      interval: 5,
    });
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([0, null]);
    expect(existsSync(join(made.dir, ".dimmer/sidecar.sock"))).toBe(false);
  });

  it("refuses a tenants file at fault, naming file, line and field, before anything runs", async () => {
    const made = devDirectory();
    onTestFinished(made.remove);
    writeFileSync(made.tenants, "- tenant: a\n  plan: gold\n");
    const run = await dimmer(devArguments(made.dir, made.tenants));
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(
      /^dimmer: .*tenants\.yaml:2: tenant "a", plan: plan "gold" is not in the policy; known are .*\n$/,
    );
  });
});
