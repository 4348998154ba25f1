import { IMPORT_MAP, PAGE_MODULE } from "./modules.ts";
import type { Session } from "./sessions.ts";

/** The page, for whoever is signed in. A session has no characters that HTML would read. */
export function pageOf(session: Session | undefined): string {
  return `<!doctype html>
<html lang="en" data-tenant="${session?.tenant ?? ""}">
<meta charset="utf-8">
<title>Notes</title>
<script type="importmap">${JSON.stringify(IMPORT_MAP)}</script>
<form method="post" action="/session">
  <label>Sign in as <input name="as" value="${session === undefined ? "acme:member" : `${session.tenant}:${session.principal}`}"></label>
  <button>Sign in</button>
</form>
<p id="banner" role="status"></p>
<button id="create">New note</button> <span id="seats"></span>
<script type="module" src="${PAGE_MODULE}"></script>
</html>
`;
}
