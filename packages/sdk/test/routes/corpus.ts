import { readdirSync, readFileSync } from "node:fs";

const CORPUS = new URL("../../../../test/corpus/", import.meta.url);

/** Reads every JSON file of a folder of the corpus. */
export function readCorpus<T>(folder: string): readonly { readonly file: string; readonly content: T }[] {
  const at = new URL(`${folder}/`, CORPUS);
  return readdirSync(at)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => ({ file, content: JSON.parse(readFileSync(new URL(file, at), "utf8")) as T }));
}
