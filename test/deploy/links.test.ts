import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGES = [
  "docs/operations.md",
  "docs/guides/gateways.md",
  "deploy/README.md",
  ...readdirSync(join(ROOT, "docs/clients")).map((file) => `docs/clients/${file}`),
];

/** The anchors of a page: its headings, as GitHub writes them. */
function anchorsOf(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

it.each(PAGES)("%s links to what is there", (page) => {
  const path = join(ROOT, page);
  const links = [...readFileSync(path, "utf8").matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = ""]) => link);
  expect(links.length).toBeGreaterThan(0);
  for (const link of links) {
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : join(dirname(path), file);
    expect({ link, exists: existsSync(target) }).toEqual({ link, exists: true });
    if (anchor !== undefined && !statSync(target).isDirectory()) expect(anchorsOf(target), link).toContain(anchor);
  }
});
