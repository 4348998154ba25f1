const A_METHOD = /^[A-Za-z]{1,32}$/;

/**
 * What an override may name. Products differ in what else they follow: where one did not, a `POST` that claims to be a
 * `GET` would be judged as reading and carried out as writing.
 */
const BELIEVED: ReadonlySet<string> = new Set(["PUT", "PATCH", "DELETE"]);

/**
 * The method that a product acts on: that of the request, or for a `POST` the one that an override header names. An
 * override to anything but `PUT`, `PATCH` or `DELETE` is not believed: the request then counts as the `POST` that it is.
 *
 * @param headers the headers that the product honours
 * @returns the method, or `undefined` where the headers do not name one single method
 */
export function effectiveMethod(
  method: string,
  headers: readonly string[],
  read: (name: string) => string | undefined,
): string | undefined {
  if (method !== "POST") return method;
  let effective: string | undefined;
  for (const name of headers) {
    const value = read(name)?.trim();
    if (value === undefined || value === "") continue;
    const named = value.toUpperCase();
    if (!A_METHOD.test(value) || (effective !== undefined && effective !== named)) return undefined;
    effective = named;
  }
  return effective !== undefined && BELIEVED.has(effective) ? effective : method;
}
