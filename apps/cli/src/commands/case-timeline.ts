import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import { caseMeant } from "../authority/case-at.ts";

type Item = Readonly<Record<string, unknown>>;

/** `dimmer case timeline`: everything that happened in a case. */
export function addCaseTimeline(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "timeline <case>",
    summary: "print everything that happened in a case, oldest first",
    details: "CASE is the id of a case, or of a tenant that has one open case. --json has all that is kept of each.",
    examples: [
      ["case timeline fuji-print", "facts, notices with what became of them, decisions, events"],
      ["case timeline fuji-print --json", "for an audit"],
    ],
  }).action(
    asking<[string], { dir: string }>(async (client, { arguments: [name] }) => {
      const { id } = await caseMeant(client, name);
      const body = await client.get(`/v1/cases/${encodeURIComponent(id)}/timeline`);
      const items = body["items"] as readonly Item[];
      const rows = items.flatMap((item) => {
        const line = lineOf(item);
        return line === undefined ? [] : [[String(item["at"]).slice(0, 19).replace("T", " "), ...line]];
      });
      return { text: columns(rows), json: { ...body } };
    }),
  );
}

/** What, and about what. Ledger entries of facts stand for what the facts themselves say. */
function lineOf(item: Item): readonly [string, string] | undefined {
  const text = (name: string): string => {
    const value = item[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const { fact } = item;
  if (typeof fact === "object" && fact !== null) return ["fact", factText(fact as Item, text("actor"))];
  if (item["action"] !== undefined) {
    const action = text("action");
    return action.startsWith("fact.") ? undefined : ["change", `${action} by ${text("actor")}: ${text("reason")}`];
  }
  if (item["tookMs"] !== undefined) return ["return", `at the last replica after ${text("tookMs") || "…"} ms`];
  if (item["template"] !== undefined) return ["notice", `${text("template")}: ${text("subject")}`];
  if (item["address"] !== undefined) return ["delivery", `${text("channel")} ${text("address")}: ${text("state")}`];
  if (item["role"] !== undefined) return ["task", `${text("title")} (${text("role")}): ${text("state")}`];
  return ["event", text("type")];
}

/** Names and amounts are what people look for; the rest is under --json. */
const TOLD = ["invoice", "payment", "amount", "currency", "stage", "mode", "subject", "note", "address", "exception"];

function factText(fact: Item, actor: string): string {
  const told = TOLD.flatMap((name) => {
    const value = fact[name];
    return typeof value === "string" || typeof value === "number" ? [String(value)] : [];
  });
  return [String(fact["kind"]).replaceAll("_", " "), ...told, `(${actor})`].join(" ");
}
