import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { quantile } from "../statistics.ts";

/** One request, prepared before anything is measured. */
export interface LoadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The status that counts as its answer. Default 200. */
  readonly status?: number;
}

/**
 * A load generator for one address, in a process of its own: raw sockets, prepared requests in turn, answers read by their
 * Content-Length. `node load.ts` reads a `LoadOrder` as JSON. Without a rate the loop is closed (each connection asks again
 * at once); with one it is open: a request is due at its own instant, and its latency counts from there, whether or not a
 * connection was free (no coordinated omission).
 */
export interface LoadOrder {
  readonly address: { readonly socketPath: string } | { readonly port: number };
  /** At least one, asked in turn. */
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly durationMs: number;
  /** Requests a second in an open loop; left out, the loop is closed. */
  readonly rate?: number;
}

interface Connection {
  readonly socket: Socket;
  dueNs: bigint;
  isBusy: boolean;
  /** How the answer to what it asked has to begin. */
  expected: string;
  held: Buffer | undefined;
}

const order = JSON.parse(await text(process.stdin)) as LoadOrder;
const { rate, durationMs } = order;
const prepared = order.requests.map((request) => ({
  bytes: bytesOf(request),
  statusLine: `HTTP/1.1 ${request.status ?? 200}`,
}));
const LEAST_ANSWERS = 500;
const warmupMs = Math.min(1_000, durationMs / 2);

function bytesOf({ method, path, headers = {}, body }: LoadRequest): Buffer {
  const all = {
    Host: "localhost",
    ...(body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`);
}

const latenciesUs: number[] = [];
const backlog: bigint[] = [];
const idle: Connection[] = [];
let turn = 0;
let answered = 0;
let refused = 0;
let isMeasuring = false;
let isOver = false;

function send(connection: Connection, dueNs: bigint): void {
  connection.isBusy = true;
  connection.dueNs = dueNs;
  const { bytes, statusLine } = prepared[turn] as (typeof prepared)[number];
  turn = turn + 1 === prepared.length ? 0 : turn + 1;
  connection.expected = statusLine;
  connection.socket.write(bytes);
}

function onAnswer(connection: Connection, isOk: boolean): void {
  if (!isOk) refused++;
  if (isMeasuring) {
    answered++;
    latenciesUs.push(Number(process.hrtime.bigint() - connection.dueNs) / 1e3);
  }
  connection.isBusy = false;
  if (isOver) return;
  if (rate === undefined) send(connection, process.hrtime.bigint());
  else {
    const due = backlog.shift();
    if (due === undefined) idle.push(connection);
    else send(connection, due);
  }
}

function onData(connection: Connection, bytes: Buffer): void {
  const held = connection.held === undefined ? bytes : Buffer.concat([connection.held, bytes]);
  const end = held.indexOf("\r\n\r\n");
  if (end === -1) {
    connection.held = held;
    return;
  }
  const head = held.toString("latin1", 0, end);
  const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  if (held.length < end + 4 + length) {
    connection.held = held;
    return;
  }
  connection.held = undefined;
  onAnswer(connection, head.startsWith(connection.expected));
}

async function open(): Promise<Connection> {
  const { address } = order;
  const socket =
    "port" in address ? connect({ port: address.port, host: "127.0.0.1" }) : connect({ path: address.socketPath });
  socket.setNoDelay(true);
  await new Promise((done, fail) => socket.once("connect", done).once("error", fail));
  const connection: Connection = { socket, dueNs: 0n, isBusy: false, expected: "", held: undefined };
  socket.on("data", (bytes: Buffer) => onData(connection, bytes));
  socket.on("error", (error) => {
    throw error;
  });
  return connection;
}

/** Asks at the given rate until the end; spins, so that a request is not late by a timer's millisecond. */
function runOpenLoop(perSecond: number, endNs: bigint): void {
  const stepNs = BigInt(Math.round(1e9 / perSecond));
  let dueNs = process.hrtime.bigint();
  const tick = (): void => {
    const now = process.hrtime.bigint();
    while (dueNs <= now && dueNs < endNs) {
      const connection = idle.pop();
      if (connection === undefined) backlog.push(dueNs);
      else send(connection, dueNs);
      dueNs += stepNs;
    }
    if (now < endNs) setImmediate(tick);
  };
  tick();
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const connections = await Promise.all(Array.from({ length: order.connections }, open));
const startNs = process.hrtime.bigint();
const endNs = startNs + BigInt(Math.round((warmupMs + durationMs) * 1e6));
if (rate === undefined) for (const connection of connections) send(connection, startNs);
else {
  idle.push(...connections);
  runOpenLoop(rate, endNs);
}
await pause(warmupMs);
process.stdout.write('{"measuring":true}\n');
isMeasuring = true;
const measuredNs = process.hrtime.bigint();
await pause(durationMs);
// A machine that others keep busy may have given no time at all: what is divided by is then too little.
for (let more = 0; answered < LEAST_ANSWERS && more < 20; more++) await pause(durationMs / 4);
isMeasuring = false;
isOver = true;
const seconds = Number(process.hrtime.bigint() - measuredNs) / 1e9;
for (const { socket } of connections) socket.destroy();
latenciesUs.sort((a, b) => a - b);
process.stdout.write(
  `${JSON.stringify({
    perSecond: answered / seconds,
    answered,
    refused,
    p50Us: quantile(latenciesUs, 0.5),
    p90Us: quantile(latenciesUs, 0.9),
    p99Us: quantile(latenciesUs, 0.99),
    p999Us: quantile(latenciesUs, 0.999),
  })}\n`,
);
process.exit(0);
