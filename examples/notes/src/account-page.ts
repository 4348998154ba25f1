import type { Explanation } from "@dimmer/core";
import { html } from "hono/html";

/** What an account page shows of `explain()`: a banner, what is limited and why, what still works, where to go. */
export function accountPage(about: Explanation, locale: string): ReturnType<typeof html> {
  const { banner, mode, causes, next, stillAllowed, links } = about;
  return html`<!doctype html>
<html lang="${locale}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Account of ${about.tenant}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
  [role=status] { padding: .75rem 1rem; border-left: .3rem solid; margin-block: 1rem }
  .info { color: #0b5394 } .warning { color: #7a4b00 } .critical { color: #9b1c1c }
</style>
<h1>${about.tenant}</h1>
${banner === undefined ? "" : html`<p role="status" class="${banner.severity}">${banner.text}</p>`}
<dl>
  <dt>Service level</dt><dd>${mode}</dd>
  ${about.plan === undefined ? "" : html`<dt>Plan</dt><dd>${about.plan}</dd>`}
  ${causes.map((cause) => html`<dt>Because of</dt><dd>${cause.cause}${cause.case === undefined ? "" : ` (${cause.case})`}</dd>`)}
  ${next === undefined ? "" : html`<dt>Next step</dt><dd>${next.mode}, ${next.at}</dd>`}
  <dt>What works</dt><dd>${stillAllowed.join(", ")}</dd>
</dl>
<ul>
  ${Object.entries(links).map(([name, address]) => html`<li><a href="${address}">${name}</a></li>`)}
</ul>
</html>`;
}
