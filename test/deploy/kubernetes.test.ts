import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readAuthorityConfig } from "@dimmer/authority";
import { readSidecarConfig } from "@dimmer/sidecar";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { isThere, PYTHON, run, tool } from "./programs.ts";

const FOLDER = resolve(import.meta.dirname, "../../deploy/kubernetes");

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface Pod {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly [kind: string]: unknown }[];
}
interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly resources?: readonly string[];
  readonly spec?: Readonly<Record<string, unknown>>;
}

const filesOf = (folder: string): string[] =>
  readdirSync(join(FOLDER, folder)).filter((file) => file.endsWith(".yaml"));
const readAll = (folder: string): Resource[] =>
  filesOf(folder).flatMap((file) =>
    parseAllDocuments(readFileSync(join(FOLDER, folder, file), "utf8")).map((one) => one.toJS() as Resource),
  );
const FOLDERS = { authority: readAll("authority"), product: readAll("product") };
type FolderName = keyof typeof FOLDERS;
const NAMES = Object.keys(FOLDERS) as FolderName[];

function one(folder: FolderName, kind: string): Resource {
  const found = FOLDERS[folder].filter((resource) => resource.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Resource;
}

const podOf = (folder: FolderName): Pod =>
  (one(folder, "Deployment").spec as { template: { spec: Pod } }).template.spec;
const labelsOf = (folder: FolderName): Record<string, string> =>
  (one(folder, "Deployment").spec as { template: { metadata: { labels: Record<string, string> } } }).template.metadata
    .labels;
const containersOf = (pod: Pod): Container[] => [...(pod.initContainers ?? []), ...pod.containers];

/** Flags as the command reads them: `--token-file` is `tokenFile`. */
function flagsOf([, ...args]: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = (args[i] ?? "").slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    flags[name] = args[i + 1] ?? "";
  }
  return flags;
}

function environmentOf(
  folder: FolderName,
  container: Container,
  secrets: Record<string, string>,
): Record<string, string> {
  const maps = (container.envFrom ?? []).map(({ configMapRef: { name } }) => {
    const map = one(folder, "ConfigMap");
    expect(map.metadata.name).toBe(name);
    return map.data ?? {};
  });
  const own = (container.env ?? []).map(({ name, value }) => [name, value ?? secrets[name] ?? ""] as const);
  return { ...Object.assign({}, ...maps), ...Object.fromEntries(own) };
}

const hasSchemas = isThere(
  PYTHON,
  ["-c", "import kubernetes_validate"],
  "kubernetes-validate is not installed, the manifests are not held against the schemas of Kubernetes",
);

describe.each(NAMES)("the manifests of %s", (folder) => {
  it.runIf(hasSchemas)("are what the schema of Kubernetes allows, and nothing that it does not know", () => {
    const files = filesOf(folder).filter((file) => file !== "kustomization.yaml");
    const { status, output } = run(
      tool("kubernetes-validate"),
      ["--strict", "--quiet", ...files],
      join(FOLDER, folder),
    );
    expect({ status, output }).toEqual({ status: 0, output: "" });
  });

  it("are all named by their kustomization", () => {
    const named = one(folder, "Kustomization").resources;
    expect([...(named ?? [])].sort()).toEqual(
      filesOf(folder)
        .filter((file) => file !== "kustomization.yaml")
        .sort(),
    );
  });

  it("run without root, without capabilities, with a root that cannot be written", () => {
    const pod = podOf(folder);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    for (const { securityContext } of containersOf(pod)) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
    }
  });

  it("mount only volumes that are there, and probe only ports that are there", () => {
    const pod = podOf(folder);
    const volumes = pod.volumes.map(({ name }) => name);
    for (const { volumeMounts = [], ports = [], ...container } of containersOf(pod)) {
      for (const { name } of volumeMounts) expect(volumes).toContain(name);
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        if (probe !== undefined) expect(ports.map(({ name }) => name)).toContain(probe.httpGet.port);
      }
    }
  });

  it("never restart what is alive and not ready, and send it no traffic", () => {
    const [dimmer] = containersOf(podOf(folder));
    expect(dimmer?.startupProbe?.httpGet.path).toBe("/livez");
    expect(dimmer?.livenessProbe?.httpGet.path).toBe("/livez");
    expect(dimmer?.readinessProbe?.httpGet.path).toBe("/readyz");
  });

  it("select the pods that they are about, in their budget and their network policy", () => {
    const budget = one(folder, "PodDisruptionBudget").spec as { selector: { matchLabels: object } };
    const policy = one(folder, "NetworkPolicy").spec as { podSelector: { matchLabels: object }; policyTypes: string[] };
    expect(labelsOf(folder)).toMatchObject(budget.selector.matchLabels);
    expect(labelsOf(folder)).toMatchObject(policy.podSelector.matchLabels);
    expect(policy.policyTypes).toEqual(["Ingress", "Egress"]);
  });
});

describe("the authority in Kubernetes", () => {
  it("is configured by options that the authority has, with its secrets from secrets", () => {
    const [container] = podOf("authority").containers as [Container];
    const secrets = { DIMMER_STORE: "postgres://dimmer@db/dimmer", DIMMER_PASSPHRASE: "correct horse" };
    const env = environmentOf("authority", container, secrets);
    const config = readAuthorityConfig({ flags: flagsOf(container.args ?? []), env });
    expect(config).toMatchObject({
      host: "0.0.0.0",
      port: container.ports?.[0]?.containerPort,
      store: secrets.DIMMER_STORE,
    });
    expect(config.audience).not.toBe("development");
    const written = JSON.stringify(FOLDERS.authority);
    for (const name of Object.keys(secrets))
      expect(written).toMatch(new RegExp(`"${name}","valueFrom":\\{"secretKeyRef"`));
  });

  it("has its signing keys read-only, never the root key", () => {
    const pod = podOf("authority");
    expect(pod.containers[0]?.volumeMounts?.find(({ name }) => name === "keys")).toMatchObject({ readOnly: true });
    const files = ["policy.jwk", "locks.jwk", "feed.jwk", "keysets/000001.jws"];
    expect(pod.volumes.find(({ name }) => name === "keys")).toMatchObject({
      secret: { items: files.map((path) => ({ path })) },
    });
  });

  it("outlives the loss of one replica", () => {
    expect(one("authority", "Deployment").spec).toMatchObject({ replicas: 2 });
    expect(one("authority", "PodDisruptionBudget").spec).toMatchObject({ minAvailable: 1 });
  });
});

describe("the sidecar in Kubernetes", () => {
  const pod = podOf("product");
  const [sidecar] = pod.initContainers as [Container];
  const mountOf = (container: Container | undefined, path: string): string | undefined =>
    container?.volumeMounts?.find(({ mountPath }) => mountPath === path)?.name;

  it("is a native sidecar", () => {
    expect(sidecar.restartPolicy).toBe("Always");
  });

  it("is configured by options that the sidecar has", () => {
    const env = environmentOf("product", sidecar, {});
    const config = readSidecarConfig({ flags: flagsOf(sidecar.args ?? []), env });
    expect(config.ignoredVariables).toEqual([]);
    expect(config).toMatchObject({ host: "0.0.0.0", port: sidecar.ports?.[0]?.containerPort });
    for (const file of [config.tokenFile, config.feedTokenFile]) {
      expect(sidecar.volumeMounts?.some(({ mountPath }) => file?.startsWith(`${mountPath}/`))).toBe(true);
    }
    expect(config.feed).toEqual([`http://${one("authority", "Service").metadata.name}.dimmer.svc:7300`]);
  });

  it("shares its socket with the product by a volume and a group", () => {
    const volume = mountOf(sidecar, "/run/dimmer");
    expect(volume).toBe("dimmer-socket");
    expect(mountOf(pod.containers[0], "/run/dimmer")).toBe(volume);
    expect(pod.volumes.find(({ name }) => name === volume)).toHaveProperty("emptyDir");
    expect(pod.securityContext["fsGroup"]).toBe(sidecar.securityContext["runAsGroup"]);
    expect(pod.containers[0]?.env).toContainEqual({
      name: "DIMMER_SOCKET_FEED",
      value: "unix:/run/dimmer/sidecar.sock",
    });
  });

  it("keeps what it holds over a restart of the container", () => {
    expect(mountOf(sidecar, "/var/lib/dimmer")).toBe("dimmer-data");
  });
});
