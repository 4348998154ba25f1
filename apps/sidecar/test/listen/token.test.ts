import { describe, expect, it } from "vitest";
import { bearerCheck, readTokenFile } from "../../src/listen/token.ts";
import { scratchFile } from "../scratch.ts";

const TOKEN = "0123456789abcdef/+=";

describe("readTokenFile", () => {
  it("takes one token, white space around it aside", () => {
    expect(readTokenFile(scratchFile("token", `${TOKEN}\n`), "--token-file")).toBe(TOKEN);
  });

  it.each([
    ["", "empty"],
    ["short", "short"],
    ["two words of a token", "of several words"],
    [`${TOKEN}\n${TOKEN}`, "of two tokens"],
    ["tökentökentökentöken", "beyond ASCII"],
    ["a".repeat(5_000), "too long"],
  ])("refuses a file that is %j (%s) and does not show it", (content) => {
    const path = scratchFile("token", content);
    const read = (): string => readTokenFile(path, "--token-file");
    expect(read).toThrow(`--token-file ${path}: must hold one token of 16 to 4096 visible ASCII characters.`);
    if (content !== "") expect(read).not.toThrow(content);
  });

  it("refuses a file that is not there", () => {
    expect(() => readTokenFile("/nowhere/token", "--feed-token-file")).toThrow(
      "--feed-token-file /nowhere/token: cannot be read (ENOENT). Name a readable file.",
    );
  });
});

describe("bearerCheck", () => {
  const check = bearerCheck(TOKEN);

  it.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN}`])("takes %j", (authorization) => {
    expect(check(authorization)).toBe(true);
  });

  it.each([
    undefined,
    "",
    TOKEN,
    "Bearer",
    "Bearer ",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.slice(0, -1)}x`,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    `Bearer ${TOKEN},`,
    `Bearer ${"ä".repeat(TOKEN.length)}`,
  ])("refuses %j", (authorization) => {
    expect(check(authorization)).toBe(false);
  });
});
