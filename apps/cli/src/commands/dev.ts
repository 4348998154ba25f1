import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addCommand } from "../command.ts";
import type { DevReport } from "../dev/run-dev.ts";
import { DEFAULT_DIR } from "../dev-state.ts";
import { usageFailure } from "../failure.ts";
import { addPassphraseOption, type PassphraseOption } from "../keys.ts";

interface Options extends PassphraseOption {
  readonly dir: string;
  readonly tenants?: string;
  readonly billing?: string;
  readonly policy: string;
  readonly authorityPort: string;
  readonly port: string;
  readonly notesPort: string;
  readonly pythonPort: string;
  readonly python: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** `dimmer dev`: everything on one machine, to see it work. */
export function addDev(parent: Command): void {
  const command = addCommand(parent, {
    usage: "dev",
    summary: "run it all for development: authority, sidecar and two products",
    details:
      "Starts an authority on a database of its own, imports the tenants file, starts a sidecar that follows the " +
      "authority and two example products, and prints lines to try. What commands and the API change is kept for the next " +
      "start. Saving the tenants file writes what changed in it; within a second everything answers by it. Ctrl-C stops " +
      "all of it, with exit code 0.",
    examples: [
      ["dev", "ports 7300 to 7303, files in .dimmer, tenants of examples/tenants.yaml"],
      ["dev --authority-port 0 --port 0 --notes-port 0 --python-port 0", "any free ports"],
      ["dev --tenants my-tenants.yaml --policy my-policy.yaml --dir /tmp/dimmer", "your own"],
    ],
  })
    .option("--dir <dir>", "directory for keys, database, socket and what replicas keep", DEFAULT_DIR)
    .option("--tenants <file>", "tenants file (default: examples/tenants.yaml)")
    .option("--billing <file>", "invoices and contacts for a new authority (default: examples/billing.yaml)")
    .option("--policy <file>", "policy: a file, or standard", "standard")
    .option("--authority-port <n>", "port of the authority; 0 for any free one", "7300")
    .option("--port <n>", "port of the sidecar; 0 for any free one", "7301")
    .option("--notes-port <n>", "port of the notes product; 0 for any free one", "7302")
    .option("--python-port <n>", "port of the Python product; 0 for any free one", "7303")
    .option("--no-python", "leave the Python product out")
    .option("--verbose", "also print what the products write");
  addPassphraseOption(command).action(run);
}

async function run(options: Options): Promise<void> {
  const ports = {
    authorityPort: portOf("--authority-port", options.authorityPort),
    port: portOf("--port", options.port),
    notesPort: portOf("--notes-port", options.notesPort),
    pythonPort: portOf("--python-port", options.pythonPort),
  };
  const { runDev } = await import("../dev/run-dev.ts");
  const { EXAMPLE_BILLING, EXAMPLE_TENANTS } = await import("../dev/products.ts");
  const isJson = options.json === true;
  const { passphraseFile } = options;
  await runDev(
    {
      dir: options.dir,
      tenants: options.tenants ?? EXAMPLE_TENANTS,
      billing: options.billing ?? EXAMPLE_BILLING,
      policy: options.policy,
      ...ports,
      isPythonWanted: options.python,
      ...(passphraseFile === undefined ? {} : { passphraseFile }),
    },
    {
      ready: (report) => process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : `${textOf(report)}\n`),
      event: (line) => (isJson ? process.stderr : process.stdout).write(`${clock()}  ${line}\n`),
      product: (name, line) => {
        if (options.verbose === true) process.stderr.write(`${clock()}  ${name} | ${line}\n`);
      },
    },
  );
  if (!isJson) process.stdout.write("stopped\n");
}

function portOf(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw usageFailure(`${flag} ${JSON.stringify(text)}: must be a port from 0 to 65535`);
}

function textOf(report: DevReport): string {
  const { dir, tenants, trust, hasNewKeys, authority, sidecar, notes, python, tour, life } = report;
  const elsewhere = sidecar.isSocketElsewhere ? " (moved: the path below the directory is too long for a socket)" : "";
  const second =
    "missing" in python
      ? ["-", `not started: ${python.missing}`]
      : [python.url, `${python.version}, asks the sidecar over HTTP`];
  const places = columns([
    ["  authority", authority.url, `docs at ${authority.url}/docs, API key in ${authority.keyFile}`],
    ["  sidecar", sidecar.url, `docs at ${sidecar.url}/docs`],
    ["", `unix:${sidecar.socket}`, `every door, the feed too${elsewhere}`],
    ["  notes", notes.url, "Hono, the SDK in process"],
    ["  python", ...second],
    ["  tenants", tenants.file, `${tenants.count}, version ${tenants.version}; edit and save`],
    ["  keys", `${dir}/keys`, `${hasNewKeys ? "new, " : ""}trust ${trust}`],
  ]);
  const steps = tour.map(({ shows, command, statuses, says }, i) => {
    const expected = `${statuses.join(", ")}${says === undefined ? "" : ` and “${says}”`}`;
    return `${i + 1}. ${shows}\n   ${command}\n   → ${expected}`;
  });
  return [
    "Dimmer runs. Ctrl-C stops everything.",
    "",
    places,
    "",
    "Try, in another terminal:",
    "",
    steps.join("\n\n"),
    "",
    `Then let acme pay, and try 2 again:${inDir(dir, "tenant pay acme")}`,
    ...(life.length === 0
      ? []
      : [
          "",
          `Or live through an unpaid invoice, day by day; the mails lie at ${authority.url}/dev/mailbox:`,
          "",
          lifeText(dir, life),
          "",
        ]),
    `Who did what, and who enforces it:${inDir(dir, "ledger --tenant acme")} ·${inDir(dir, "fleet")}`,
    "",
  ].join("\n");
}

/** Each line with the words that stand in what it prints. */
function lifeText(dir: string, life: DevReport["life"]): string {
  return life
    .map(({ shows, command, says }) => {
      const line = command.startsWith("dimmer ") ? inDir(dir, command.slice("dimmer ".length)).trimStart() : command;
      return `   ${line}\n   → ${says.trimEnd()} …  (${shows})`;
    })
    .join("\n");
}

/** The command line as it works in the directory in which dev was started. */
function inDir(dir: string, command: string): string {
  const option = resolve(DEFAULT_DIR) === dir ? "" : ` --dir ${relative(process.cwd(), dir) || "."}`;
  return ` npx dimmer ${command}${option}`;
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
