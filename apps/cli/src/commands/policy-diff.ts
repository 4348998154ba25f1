import type { Command } from "commander";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import { readPolicy } from "../policy-source.ts";
import { previewText } from "./policy-upload.ts";

/** `dimmer policy diff`: says what a policy changes against the one in force. */
export function addPolicyDiff(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "diff <file|id>",
    summary: "say what a policy changes against the one in force at the authority",
    details:
      "A file is compared and linted here; of a version that was uploaded the authority says besides whom it would change. " +
      "Exit code 0 whether they differ or not, 1 where the lint has errors.",
    examples: [
      ["policy diff policy.yaml", "a file, before it is uploaded"],
      ["policy diff policy_6a4cf5d8-0df5-4b65-8a5e-52c5a1e0a7b2", "a draft, with whom it would change"],
    ],
  }).action(
    asking<[string], { dir: string }>(async (client, { arguments: [given] }) => {
      const { lintPolicy } = await import("@dimmer/core");
      const { activePolicy } = await import("../authority/facts.ts");
      const { jsonDifferences } = await import("../json-differences.ts");
      const active = await activePolicy(client);
      const { document, preview } = await policyOf(client, given);
      const differences = jsonDifferences(active.document, document);
      const findings = lintPolicy(document, active.document as Parameters<typeof lintPolicy>[1]);
      const lines = differences.map(
        ({ place, before, after }) => `${place || "(document)"}: ${json(before)} → ${json(after)}`,
      );
      return {
        text: [
          ...lines,
          ...findings.map(({ severity, place, message, code }) => `${severity} ${place}: ${message} [${code}]`),
          `${differences.length} ${differences.length === 1 ? "difference" : "differences"} from version ${active.version}`,
          ...(preview === undefined ? [] : [previewText(preview)]),
        ].join("\n"),
        json: { against: active.id, differences, findings, ...(preview === undefined ? {} : { preview }) },
        isNo: findings.some(({ severity }) => severity === "error"),
      };
    }),
  );
}

async function policyOf(
  client: AuthorityClient,
  given: string,
): Promise<{ document: unknown; preview?: Readonly<Record<string, unknown>> }> {
  if (!/^policy_[0-9a-f-]{36}$/.test(given)) return { document: await readPolicy(given) };
  const { document } = await client.get(`/v1/policies/${given}`);
  return { document, preview: await client.get(`/v1/policies/${given}/preview`) };
}

function json(value: unknown): string {
  return value === undefined ? "–" : JSON.stringify(value);
}
