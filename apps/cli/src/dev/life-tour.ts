/** A line of the life of an unpaid invoice: the command, and words that stand in what it prints. */
export interface LifeLine {
  readonly shows: string;
  /** Without the leading `npx`; a `dimmer` command takes `--dir` behind it. */
  readonly command: string;
  readonly says: string;
}

/** The tenant of `examples/billing.yaml`. */
export const LIFE_TENANT = "fuji-print";

/** From the due day to the last step and back, in lines to try one after the other. Never throws. */
export function lifeTour(notesUrl: string): readonly LifeLine[] {
  const create = [
    "curl -sS -o /dev/null -w '%{http_code}\\n' -X POST",
    `${notesUrl}/notes -H 'Authorization: Bearer ${LIFE_TENANT}:member' -d '{"text":"hello"}'`,
  ].join(" ");
  return [
    {
      shows: "its invoice fell due yesterday; everything still works, and each step has its date",
      command: `dimmer case show ${LIFE_TENANT}`,
      says: `${LIFE_TENANT}: full; next grace at `,
    },
    {
      shows: "two business days on",
      command: "dimmer clock advance 2bd",
      says: `${LIFE_TENANT}: grace; next limited at `,
    },
    { shows: "nothing is taken yet", command: create, says: "201" },
    {
      shows: "a week on: announced, not vetoed, and so it is in force",
      command: "dimmer clock advance 5bd",
      says: `${LIFE_TENANT}: limited; next read_only at `,
    },
    { shows: "nothing new can be made", command: create, says: "402" },
    { shows: "another week on", command: "dimmer clock advance 7bd", says: `${LIFE_TENANT}: read_only` },
    {
      shows: "what happened, and what was sent to whom",
      command: `dimmer case timeline ${LIFE_TENANT}`,
      says: "suspended",
    },
    {
      shows: "the payment, and everything is back",
      command: `dimmer pay ${LIFE_TENANT}`,
      says: "back in full: the last replica had it ",
    },
    { shows: "within a second", command: create, says: "201" },
  ];
}
