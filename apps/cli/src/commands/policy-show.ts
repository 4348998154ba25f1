import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { readPolicy } from "../policy-source.ts";

/** `dimmer policy show`: prints a policy as JSON, the standard one to begin one's own with. */
export function addPolicyShow(parent: Command): void {
  addCommand(parent, {
    usage: "show <file>",
    summary: "print a policy as JSON",
    details: "FILE is JSON or YAML, or the word standard. It is not linted.",
    examples: [
      ["policy show standard > policy.json", "begin a policy of your own"],
      ["policy show policy.yaml --json | jq .modes", "one line, for programs"],
    ],
  }).action(
    answering(async (file: string) => {
      const document = await readPolicy(file);
      return { text: JSON.stringify(document, null, 2), json: document as Record<string, unknown> };
    }),
  );
}
