import { CommandFailure, EXIT, usageFailure } from "./failure.ts";

/** No statement is longer: the lock list is the largest, and 5 MB of it become 6.7 as base64url. */
const MAX_CHARS = 8 * 1024 * 1024;

/** Three parts of base64url, the first a JSON object. What else is wrong with one, who reads it says. */
const TOKEN = /^ey[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The token that was given: the argument itself, or stdin for `-`. White space around it is dropped.
 *
 * @throws {CommandFailure} where there is none, or far too much, or what nobody would take for one
 */
export async function tokenFrom(given: string): Promise<string> {
  const token = (given === "-" ? await readStdin() : given).trim();
  if (token === "") throw usageFailure("token: is empty; give the token, or - and the token on stdin");
  if (TOKEN.test(token)) return token;
  throw new CommandFailure(
    EXIT.no,
    "statement_malformed",
    'token: is no token; one is three parts of letters, digits, - and _ joined by dots and begins with eyJ, as "dimmer token issue" prints it',
  );
}

async function readStdin(): Promise<string> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const part of process.stdin) {
    text += part as string;
    if (text.length > MAX_CHARS) throw usageFailure("token: stdin holds far more than a token; is it the right file?");
  }
  return text;
}
