import { openKeyDirectory, publishFeed } from "@dimmer/feed/node";

/** A process that publishes into a directory again and again, each time another content, and says how far it is. */
const [outDir = "", keysDir = "", name = "", times = "1"] = process.argv.slice(2);
const keys = await openKeyDirectory(keysDir);
for (let i = 0; i < Number(times); i++) {
  const { version } = await publishFeed({
    outDir,
    keys,
    audience: "test",
    nowMs: 1_795_305_600_000 + i * 1_000,
    lockWaitMs: 60_000,
    entitlements: Array.from({ length: 400 }, (_, n) => ({
      tenant: `tenant-${n}`,
      plan: "pro",
      features: { theme: `${name}-${i}` },
    })),
    locks: [],
    onProgress: ({ phase, done }) => process.stdout.write(`${phase} ${done}\n`),
  });
  process.stdout.write(`published ${version.seq}\n`);
}
