import { type LookupAddress, lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const BLOCKED = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const) {
  BLOCKED.addSubnet(net, prefix, "ipv4");
}
// Of IPv6 only global unicast is public, and of that neither what carries IPv4 nor what is for documents.
const PUBLIC_V6 = new BlockList();
PUBLIC_V6.addSubnet("2000::", 3, "ipv6");
for (const [net, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  BLOCKED.addSubnet(net, prefix, "ipv6");
}
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether events may go to an IP address: a public one, or loopback where that is permitted. Never throws. */
export function isPermittedAddress(address: string, allowsLoopback: boolean): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  if (allowsLoopback && LOOPBACK.check(address, type)) return true;
  return !BLOCKED.check(address, type) && (family === 4 || PUBLIC_V6.check(address, type));
}

/** Says why events may not be sent to a URL, as far as it shows that itself; `undefined` where nothing is wrong. */
export function urlFault(text: string, allowsLoopback: boolean): string | undefined {
  if (!URL.canParse(text)) return "must be a URL such as https://example.com/hooks";
  const { protocol, hostname, username, password } = new URL(text);
  const isPlain = protocol === "http:" && allowsLoopback && isLoopbackName(hostname);
  if (protocol !== "https:" && !isPlain) return "must begin with https://";
  if (username !== "" || password !== "") return "must not hold a name or a password";
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPermittedAddress(host, allowsLoopback)) return "must be an address on the public internet";
  if (!allowsLoopback && isLoopbackName(hostname)) return "must be an address on the public internet";
  return undefined;
}

function isLoopbackName(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/**
 * A lookup that gives permitted addresses only. The connection is made to what was looked at: a name that points elsewhere
 * a moment later changes nothing.
 */
export function guardedLookup(allowsLoopback: boolean): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) {
        done(error, "", 0);
        return;
      }
      // One forbidden address among them is enough: which one is taken would be the other side's choice.
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isPermittedAddress(address, allowsLoopback))) {
        done(new Error(`${hostname} is not on the public internet`), "", 0);
      } else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
