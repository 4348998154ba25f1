import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { pinned } from "../child.ts";
import { mindChild } from "../children.ts";

/** An nginx of one process in front of a product, once bare and once asking the sidecar first. */
export interface Nginx {
  readonly pid: number;
  readonly bareSocket: string;
  readonly askingSocket: string;
  stop(): Promise<void>;
}

const READY_MS = 10_000;

/** The version of the nginx of this machine; `undefined` where there is none. Never throws. */
export function nginxVersion(): string | undefined {
  try {
    // It prints that on stderr.
    return /nginx\/(\S+)/.exec(execFileSync("sh", ["-c", "nginx -v 2>&1"], { encoding: "utf8" }))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Starts nginx on one core with the directives of the shipped example (`examples/gateways/nginx`), over Unix sockets.
 *
 * @throws {Error} where it is not listening within 10 s
 */
export async function startNginx(folder: string, productSocket: string, sidecarSocket: string): Promise<Nginx> {
  const bareSocket = join(folder, "nginx-bare.sock");
  const askingSocket = join(folder, "nginx-asking.sock");
  mkdirSync(join(folder, "tmp"));
  const path = join(folder, "nginx.conf");
  writeFileSync(path, configOf({ bareSocket, askingSocket, productSocket, sidecarSocket }));
  const [file = "", ...args] = pinned(["nginx", "-p", folder, "-c", path], 0);
  const child = spawn(file, args, { stdio: "ignore" });
  mindChild(child);
  const untilMs = performance.now() + READY_MS;
  while (!(await isListening(askingSocket))) {
    if (child.exitCode !== null || performance.now() > untilMs) {
      await end(child);
      throw new Error(`nginx is not listening (exit ${child.exitCode})`);
    }
    await pause(20);
  }
  return { pid: child.pid ?? 0, bareSocket, askingSocket, stop: () => end(child) };
}

function configOf(
  sockets: Readonly<Record<"bareSocket" | "askingSocket" | "productSocket" | "sidecarSocket", string>>,
): string {
  const pass = `
      proxy_pass http://product;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;`;
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  keepalive_requests 1000000000;
  upstream product { server unix:${sockets.productSocket}; keepalive 64; keepalive_requests 1000000000; }
  upstream dimmer { server unix:${sockets.sidecarSocket}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen unix:${sockets.bareSocket};
    location / {${pass}
    }
  }
  server {
    listen unix:${sockets.askingSocket};
    location / {
      auth_request /_dimmer;
      auth_request_set $dimmer_mode $upstream_http_dimmer_mode;
      auth_request_set $dimmer_reason $upstream_http_dimmer_reason;${pass}
      proxy_set_header Dimmer-Mode $dimmer_mode;
      proxy_set_header Dimmer-Reason $dimmer_reason;
    }
    location = /_dimmer {
      internal;
      proxy_pass http://dimmer/hook/nginx;
      proxy_pass_request_body off;
      proxy_pass_request_headers off;
      proxy_http_version 1.1;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_set_header Host localhost;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header Dimmer-Tenant tenant-5001;
      proxy_set_header Dimmer-Principal member;
    }
  }
}
`;
}

function isListening(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}
