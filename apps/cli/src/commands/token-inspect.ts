import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { tokenFrom } from "../token-input.ts";

/** `dimmer token inspect`: shows what a statement says, without believing it. */
export function addTokenInspect(parent: Command): void {
  addCommand(parent, {
    usage: "inspect <token>",
    summary: "show what a statement says, without verifying it",
    details: "TOKEN is the text itself, or - to read it from stdin. Any kind of statement may be given, head.jws too.",
    examples: [
      ["token inspect eyJhbGci…", "header and payload, unverified"],
      ["token inspect - < feed/head.jws", "what the head of a feed says"],
    ],
  }).action(
    answering(async (given: string) => {
      const { inspectStatement } = await import("@dimmer/statement");
      const { typ, kid, payload } = inspectStatement(await tokenFrom(given));
      return {
        text: `typ  ${typ}\nkid  ${kid}\n${JSON.stringify(payload, null, 2)}\nNot verified: anybody can write this. See "dimmer token verify".`,
        json: { isVerified: false, typ, kid, payload },
      };
    }),
  );
}
