import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test.each(["../README.md", "../../docs/performance.md"])("leaves no section of %s without a word", (path) => {
  const text = readFileSync(new URL(path, import.meta.url), "utf8");
  const sections = [...text.matchAll(/<!-- ([a-z-]+) -->([\s\S]*?)<!-- \/\1 -->/g)];
  expect(sections.length).toBeGreaterThan(0);
  expect(sections.filter(([, , section = ""]) => section.trim() === "").map(([, name]) => name)).toEqual([]);
});
