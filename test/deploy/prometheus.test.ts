import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { createKeyDirectory } from "@dimmer/feed/node";
import { pino } from "pino";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { runSidecar, testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { scratchDirectory } from "../../apps/sidecar/test/scratch.ts";
import { isThere, run } from "./programs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const PROMETHEUS = join(ROOT, "deploy/prometheus");
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

const { groups } = parse(textOf("deploy/prometheus/dimmer.rules.yaml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const recorded = rules.flatMap(({ record }) => (record === undefined ? [] : [record]));
const { tests } = parse(textOf("deploy/prometheus/dimmer.rules.test.yaml")) as {
  tests: { name: string; input_series: { series: string }[] }[];
};
const dashboard = JSON.parse(textOf("deploy/grafana/dimmer.json")) as Dashboard;
const queries = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ query }) => query),
];

/** A metric as it is asked for: its name and what its labels are compared with. */
interface Asked {
  readonly name: string;
  readonly labels: readonly (readonly [label: string, values: string])[];
}

/** The metrics of an expression; names that rules record are left out. */
function askedIn(expr: string): Asked[] {
  return [...expr.matchAll(/(?<![\w:])((?:dimmer|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].map(
    ([, name = "", labels = ""]) => ({
      name,
      labels: [...labels.matchAll(/(\w+)\s*=~?\s*"([^"]*)"/g)].map(([, label = "", values = ""]) => [label, values]),
    }),
  );
}

/** What a scrape showed: by metric, the values of each label. */
type Scraped = Map<string, Map<string, Set<string>>>;
const scraped: Scraped = new Map();

function read(text: string): void {
  for (const line of text.split("\n")) {
    const [, name, labels = ""] = /^([a-z0-9_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const metric = scraped.get(name) ?? new Map<string, Set<string>>();
    scraped.set(name, metric);
    for (const [, label = "", value = ""] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      metric.set(label, (metric.get(label) ?? new Set()).add(value));
    }
  }
}

/** Labels that Prometheus itself puts on what it scrapes. */
const OF_THE_SCRAPE = new Set(["job", "instance"]);

function faultsOf(expr: string): string[] {
  return askedIn(expr).flatMap(({ name, labels }) => {
    const metric = scraped.get(name);
    if (metric === undefined) return [`${name} is not exported`];
    return labels.flatMap(([label, values]) => {
      if (OF_THE_SCRAPE.has(label)) return [];
      const known = metric.get(label);
      return values.split("|").flatMap((value) => (known?.has(value) ? [] : [`${name} has no ${label}="${value}"`]));
    });
  });
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-metrics-"));
  const keys = join(folder, "keys");
  await createKeyDirectory(keys);
  const flags = { store: `sqlite:${join(folder, "authority.db")}`, keys, port: 0, publishDir: join(folder, "feed") };
  const authority = await startAuthority(readAuthorityConfig({ flags }), { log: pino({ level: "silent" }) });
  read(await (await fetch(`${authority.url}/metrics`)).text());
  await authority.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The sidecar belongs to a test: it ends with it. */
async function scrapeSidecar(): Promise<void> {
  const data = scratchDirectory();
  const webhooks = join(data, "webhooks.yaml");
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  writeFileSync(webhooks, `endpoints: {orders: {url: "https://orders.example.com/hook", secret: "${secret}"}}\n`);
  const sidecar = await runSidecar(await testFeed(), { flags: { data, webhooks } });
  read((await sidecar.ask("/metrics")).text);
}

describe("the rules", () => {
  it("ask only for metrics and labels that the authority and the sidecar really export", async () => {
    await scrapeSidecar();
    expect(rules.length).toBeGreaterThan(30);
    for (const { alert, record, expr } of rules) {
      expect(askedIn(expr).length + recorded.filter((name) => expr.includes(name)).length).toBeGreaterThan(0);
      expect({ rule: alert ?? record, faults: faultsOf(expr) }).toEqual({ rule: alert ?? record, faults: [] });
    }
  });

  it("have a unit test for each alert, and a healthy day on which none fires", () => {
    expect(new Set(tests.map(({ name }) => name))).toEqual(
      new Set(["a healthy day", ...alerts.map(({ alert }) => alert)]),
    );
    const healthy = tests.find(({ name }) => name === "a healthy day")?.input_series.map(({ series }) => series) ?? [];
    const shown = new Set(healthy.flatMap((series) => askedIn(series).map(({ name }) => name)));
    const asked = new Set(alerts.flatMap(({ expr }) => askedIn(expr).map(({ name }) => name)));
    expect([...asked].filter((name) => !shown.has(name))).toEqual([]);
  });

  it("have a severity, and a runbook that is there", () => {
    const headings = new Set([...textOf("docs/operations.md").matchAll(/^#+ (\w+)$/gm)].map(([, name]) => name));
    for (const { alert, labels, annotations } of alerts) {
      expect(["page", "ticket"]).toContain(labels?.["severity"]);
      expect(annotations?.["runbook_url"]).toBe(`docs/operations.md#${alert?.toLowerCase()}`);
      expect(headings).toContain(alert);
    }
    const documented = [...headings].filter((name) => name?.startsWith("Dimmer"));
    expect(new Set(documented)).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  const hasPromtool = isThere("promtool", ["--version"], "promtool is not installed, the rules are not tested");

  it.runIf(hasPromtool)("are what Prometheus takes, as is the configuration beside them", () => {
    expect(run("promtool", ["check", "rules", "dimmer.rules.yaml"], PROMETHEUS)).toMatchObject({ status: 0 });
    const check = ["check", "config", "--syntax-only", "prometheus.yaml"];
    expect(run("promtool", check, PROMETHEUS)).toMatchObject({ status: 0 });
  });

  it.runIf(hasPromtool)("fire when they should, and not before", { timeout: 60_000 }, () => {
    const { status, output } = run("promtool", ["test", "rules", "dimmer.rules.test.yaml"], PROMETHEUS);
    expect({ status, output: output.replaceAll(/\s+/g, " ").trim() }).toEqual({
      status: 0,
      output: "Unit Testing: dimmer.rules.test.yaml SUCCESS",
    });
  });
});

describe("the dashboard", () => {
  it("asks only for what is exported or recorded", async () => {
    await scrapeSidecar();
    for (const query of queries) {
      expect({ query, faults: faultsOf(query) }).toEqual({ query, faults: [] });
      for (const [name] of query.matchAll(/dimmer:[\w:]+/g)) expect(recorded).toContain(name);
    }
  });

  it("uses only variables that it has", () => {
    const known = dashboard.templating.list.map(({ name }) => name);
    const used = new Set([...JSON.stringify(dashboard).matchAll(/\$\{?([a-z]+)\}?/g)].map(([, name]) => name));
    expect([...used].filter((name) => !known.includes(name ?? ""))).toEqual([]);
  });

  it("has panels that do not lie on each other, each with a query of its own", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      if (panel.type !== "row") expect(panel.targets?.length).toBeGreaterThan(0);
    }
    const overlapping = panels.flatMap((one, i) =>
      panels.slice(i + 1).flatMap((other) => {
        const [a, b] = [one.gridPos, other.gridPos];
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        return isApart ? [] : [`${one.title} and ${other.title}`];
      }),
    );
    expect(overlapping).toEqual([]);
  });
});

it("every metric of the two programs has a name that begins with dimmer or process", async () => {
  await scrapeSidecar();
  expect([...scraped.keys()].filter((name) => !/^(?:dimmer|process)_/.test(name))).toEqual([]);
});
