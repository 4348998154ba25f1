import { createRequire, stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Sources are served with their types stripped, built files as they are: both are modules that a browser loads. */
const OWN = extname(import.meta.filename);

const provider = packageOf("@openfeature/ofrep-web-provider/package.json");
const webSdk = packageOf("@openfeature/web-sdk");

/** What the page loads from this server, by path. A product bundles this instead. */
export const MODULES: ReadonlyMap<string, URL> = new Map([
  [`/page${OWN}`, new URL(`./page${OWN}`, import.meta.url)],
  [`/flags${OWN}`, new URL(`./flags${OWN}`, import.meta.url)],
  ["/vendor/ofrep-web-provider.js", new URL("./index.esm.js", provider)],
  ["/vendor/ofrep-core.js", new URL("./index.esm.js", packageOf("@openfeature/ofrep-core/package.json", provider))],
  ["/vendor/web-sdk.js", new URL("../esm/index.js", webSdk)],
  ["/vendor/core.js", new URL("../esm/index.js", packageOf("@openfeature/core", webSdk))],
]);

/** The path of the page's own module. */
export const PAGE_MODULE: string = `/page${OWN}`;

/** Where a browser finds the packages that those modules import. */
export const IMPORT_MAP = {
  imports: {
    "@openfeature/ofrep-web-provider": "/vendor/ofrep-web-provider.js",
    "@openfeature/ofrep-core": "/vendor/ofrep-core.js",
    "@openfeature/web-sdk": "/vendor/web-sdk.js",
    "@openfeature/core": "/vendor/core.js",
  },
} as const;

/** A module as a browser takes it. */
export function readModule({ pathname }: URL, source: string): string {
  return pathname.endsWith(".ts") ? stripTypeScriptTypes(source) : source;
}

function packageOf(name: string, importer: URL = new URL(import.meta.url)): URL {
  return pathToFileURL(createRequire(fileURLToPath(importer)).resolve(name));
}
