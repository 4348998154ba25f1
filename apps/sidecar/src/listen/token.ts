import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { DimmerError } from "@dimmer/core";

const MIN_TOKEN_LENGTH = 16;
const MAX_TOKEN_LENGTH = 4_096;

/**
 * Reads a file that holds one bearer token; white space around it does not count.
 *
 * @param option the option that names the file, for the message
 * @throws {DimmerError} `options_invalid` where the file cannot be read or holds no token of 16 to 4,096 visible ASCII
 * characters; the message never shows the content
 */
export function readTokenFile(path: string, option: string): string {
  let token: string;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DimmerError("options_invalid", `${option} ${path}: cannot be read (${code}). Name a readable file.`);
  }
  if (token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token)) {
    throw new DimmerError(
      "options_invalid",
      `${option} ${path}: must hold one token of ${MIN_TOKEN_LENGTH} to ${MAX_TOKEN_LENGTH} visible ASCII characters. ` +
        "Make one with: openssl rand -base64 32",
    );
  }
  return token;
}

/** Tells whether an `Authorization` header bears the token, in a time that depends on its length alone. */
export type BearerCheck = (authorization: string | undefined) => boolean;

/** Makes the check of one token. The check never throws. */
export function bearerCheck(token: string): BearerCheck {
  const expected = Buffer.from(token, "latin1");
  return (authorization) => {
    const presented = /^bearer +([\x21-\x7e]+)$/i.exec(authorization ?? "")?.[1];
    if (presented === undefined) return false;
    const bytes = Buffer.from(presented, "latin1");
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  };
}
