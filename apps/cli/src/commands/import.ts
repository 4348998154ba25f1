import { open, stat } from "node:fs/promises";
import { extname } from "node:path";
import type { PolicyDocument } from "@dimmer/core";
import type { Command } from "commander";
import { type Answer, columns } from "../answer.ts";
import type { AuthorityClient, Body } from "../authority/authority-client.ts";
import {
  addAuthorityCommand,
  addWriteOptions,
  answerOf,
  openAuthority,
  reasonOf,
  type WriteCommandOptions,
} from "../authority/authority-command.ts";
import type { ChosenAuthority } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";
import { CommandFailure, toFailure } from "../failure.ts";
import { readTextFile } from "../input-file.ts";
import { progressLine } from "../progress-line.ts";

interface Options extends WriteCommandOptions {
  readonly dryRun?: boolean;
}

/** `dimmer import`: brings many tenants to an authority. */
export function addImport(parent: Command): void {
  addWriteOptions(
    addAuthorityCommand(parent, {
      usage: "import <file>",
      summary: "bring many tenants to the authority: CSV, NDJSON or a tenants file",
      details:
        "CSV has a header (id, name, plan, features…), NDJSON one such object a line; both are of any length, and rows at " +
        "fault are told and the others put. A tenants file (tenant, plan, restrictions, lock) may be YAML or NDJSON, up to " +
        "4 MiB: what it says of its tenants is put, and tenants that it does not name stay. The same import again changes " +
        "nothing. Exit code 1 where something was refused.",
      examples: [
        ["import customers.csv --dry-run", "what it would create and change, and which rows are at fault"],
        ['import customers.ndjson --reason "migration"', "with progress, and the ledger says why"],
        ["import examples/tenants.yaml", "restrictions, exceptions and locks too"],
      ],
    }),
  )
    .option("--dry-run", "count, and write nothing")
    .action(
      answering(async (file: string, options: Options, command: Command) => {
        const form = await formOf(file);
        const { client, chosen } = await openAuthority(options);
        const given = { client, chosen, file, reason: reasonOf(options, command), options };
        return form === "tenants file" ? await importTenantsFile(given) : await importRows(given, form);
      }),
    );
}

interface Given {
  readonly client: AuthorityClient;
  readonly chosen: ChosenAuthority;
  readonly file: string;
  readonly reason: string;
  readonly options: Options;
}

type Form = "text/csv" | "application/x-ndjson" | "tenants file";
const LOOKED_AT_BYTES = 64 * 1024;

async function formOf(file: string): Promise<Form> {
  const extension = extname(file).toLowerCase();
  if (extension === ".csv") return "text/csv";
  if (extension !== ".ndjson" && extension !== ".jsonl") return "tenants file";
  try {
    const handle = await open(file);
    const { buffer, bytesRead } = await handle
      .read({ buffer: Buffer.alloc(LOOKED_AT_BYTES) })
      .finally(() => handle.close());
    const [line = ""] = buffer.toString("utf8", 0, bytesRead).split("\n", 1);
    return /"tenant"\s*:/.test(line) && !/"id"\s*:/.test(line) ? "tenants file" : "application/x-ndjson";
  } catch (cause) {
    throw toFailure(cause);
  }
}

async function importRows({ client, file, reason, options }: Given, type: string): Promise<Answer> {
  const isDryRun = options.dryRun === true;
  const progress = progressLine();
  let sent = 0;
  try {
    const { size } = await stat(file);
    const handle = await open(file);
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        sent += chunk.length;
        progress.show(() => `sent ${percent(sent, size)} of ${(size / 1_048_576).toFixed(1)} MiB`);
        controller.enqueue(chunk);
      },
    });
    const bytes = (handle.readableWebStream() as ReadableStream<Uint8Array>).pipeThrough(counted);
    const path = `/v1/imports/tenants${isDryRun ? "?dryRun=true" : ""}`;
    const body = await client.upload(path, { type, bytes, reason }).finally(() => handle.close());
    progress.end();
    return rowsAnswer(file, body, isDryRun);
  } catch (cause) {
    throw cause instanceof CommandFailure ? cause : toFailure(cause);
  } finally {
    progress.end();
  }
}

function rowsAnswer(file: string, body: Body, isDryRun: boolean): Answer {
  const { read, created, changed, unchanged, invalid } = body;
  const faults = body["faults"] as readonly { line: number; message: string }[];
  const rows = faults.map(({ line, message }) => [`  line ${line}`, message]);
  const would = isDryRun ? "would be " : "";
  const counts = `${String(read)} rows: ${String(created)} ${would}created, ${String(changed)} ${would}changed, ${String(unchanged)} as they are, ${String(invalid)} at fault`;
  return {
    text: [`${file}: ${counts}`, ...(rows.length === 0 ? [] : [columns(rows)])].join("\n"),
    json: { ...body, file },
    isNo: Number(invalid) > 0,
  };
}

function percent(part: number, whole: number): string {
  return `${Math.floor((100 * part) / Math.max(whole, 1))} %`;
}

async function importTenantsFile({ client, chosen, file, reason, options }: Given): Promise<Answer> {
  const { compilePolicy } = await import("@dimmer/core");
  const { activePolicy } = await import("../authority/facts.ts");
  const { applyChanges } = await import("../tenants/apply-changes.ts");
  const { changesBetween } = await import("../tenants/file-changes.ts");
  const { readFileTenants } = await import("../tenants/file-tenants.ts");
  const text = readTextFile(file, "tenants file");
  const policy = compilePolicy((await activePolicy(client)).document as PolicyDocument);
  const tenants = await readFileTenants(text, file, { nowMs: Date.now(), policy });
  const isDryRun = options.dryRun === true;
  const progress = progressLine();
  const { counts, writes, faults } = await applyChanges({
    client,
    changes: changesBetween(new Map(), tenants),
    reason,
    isDryRun,
    onProgress: (done, total) => progress.show(() => `tenants ${done} of ${total}`),
  }).finally(() => progress.end());
  const said = Object.entries(counts).map(([what, n]) => `${n} ${what}`);
  const lines = [`${file}: ${tenants.size} tenants: ${isDryRun ? "would be " : ""}${said.join(", ")}`];
  for (const fault of faults) lines.push(`  refused: ${fault}`);
  const json = { file, isDryRun, tenants: tenants.size, ...counts, faults };
  const answer = await answerOf({ text: lines.join("\n"), writes, json }, { client, chosen, wait: options.wait });
  return { ...answer, isNo: answer.isNo === true || faults.length > 0 };
}
