/**
 * Refuses options that a function does not know: one that is misspelt would be taken for left out.
 *
 * @param known the names of all options; their values are not looked at
 * @throws {TypeError} `options_invalid` naming the option and those that there are
 */
export function refuseUnknownOptions(of: string, options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const message = `${of}: there is no option ${name}; there are ${Object.keys(known).join(", ")}`;
    throw Object.assign(new TypeError(message), { code: "options_invalid" as const });
  }
}
