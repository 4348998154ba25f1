import { describe, expect, it } from "vitest";
import { linksOf } from "../src/links.ts";

describe("a link where no case belongs to the answer", () => {
  it.each([
    ["?tenant={tenant}&case={case}", "?tenant=acme"],
    ["?case={case}&tenant={tenant}", "?tenant=acme"],
    ["?case={case}", ""],
    ["?a=1&case={case}&b=2#top", "?a=1&b=2#top"],
    ["?case={case}#top", "#top"],
    ["?case={case}&id={case}", ""],
    ["?a=1&ref=x-{case}", "?a=1&ref=x-"],
    ["/{case}?tenant={tenant}", "/?tenant=acme"],
  ])("of %s becomes %s", (template, filled) => {
    const links = linksOf({ pay: `https://x.example${template}` }, { tenant: "acme" }, ["pay"]);
    expect(links).toEqual({ pay: `https://x.example${filled}` });
  });

  it("has every parameter where there is one", () => {
    const links = { pay: "https://x.example/?case={case}&tenant={tenant}" };
    expect(linksOf(links, { tenant: "acme", case: "c 1" }, ["pay"])).toEqual({
      pay: "https://x.example/?case=c%201&tenant=acme",
    });
  });
});
