import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { readPolicy, readSoundPolicy } from "../policy-source.ts";

/** `dimmer policy lint`: says what is wrong with a policy, before anything is signed. */
export function addPolicyLint(parent: Command): void {
  addCommand(parent, {
    usage: "lint <file>",
    summary: "say what is wrong with a policy",
    details:
      "FILE is JSON or YAML, or the word standard. With --previous, also says what the new version takes from the one " +
      "in force. Exit code 1 where there is an error; warnings do not keep a policy from being used.",
    examples: [
      ["policy lint policy.yaml", "errors and warnings, each with its place and a fix"],
      ["policy lint policy.yaml --previous policy-3.yaml", "and what it narrows under an old name"],
      ["policy lint standard", "the policy that a feed carries unless told otherwise"],
    ],
  })
    .option("--previous <file>", "the version in force: a file, or standard")
    .action(
      answering(async (file: string, { previous }: { previous?: string }) => {
        const { lintPolicy } = await import("@dimmer/core");
        const inForce = previous === undefined ? undefined : await readSoundPolicy(previous);
        const findings = lintPolicy(await readPolicy(file), inForce);
        const errors = findings.filter(({ severity }) => severity === "error").length;
        const lines = findings.map(
          ({ severity, place, message, fix, code }) =>
            `${severity} ${place || "(document)"}: ${message} [${code}]\n  ${fix}`,
        );
        const count = `${errors} ${errors === 1 ? "error" : "errors"}, ${findings.length - errors} warnings`;
        return {
          text: [...lines, findings.length === 0 ? `${file}: nothing found` : `${file}: ${count}`].join("\n"),
          json: { file, errors, warnings: findings.length - errors, findings },
          isNo: errors > 0,
        };
      }),
    );
}
