/**
 * Tells whether an `If-None-Match` names an entity tag: any of a list, compared weakly; `*` names every one. Never throws.
 *
 * @see RFC 9110 §13.1.2
 */
export function namesTag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const strong = etag.replace(/^W\//, "");
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === strong);
}
