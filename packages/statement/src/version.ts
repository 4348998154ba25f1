/** The version of a feed, and of nothing smaller. `seq` rises by one with every published change; `epoch` by an operator. */
export interface Version {
  readonly epoch: number;
  readonly seq: number;
}

const VERSION = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/;

/** Orders two versions: negative where `a` is the older one, `0` where they are the same. Epoch first. Never throws. */
export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** Reads `"epoch.seq"`, such as `"3.1042"`. Returns `undefined` for any other text. Never throws. */
export function parseVersion(text: string): Version | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const version = { epoch: Number(match[1]), seq: Number(match[2]) };
  return Number.isSafeInteger(version.epoch) && Number.isSafeInteger(version.seq) ? version : undefined;
}

/** Writes a version as `"epoch.seq"`, the form that `parseVersion` reads. Never throws. */
export function formatVersion(version: Version): string {
  return `${version.epoch}.${version.seq}`;
}
