// A product in a process of its own: `node product-process.ts WHAT FEED TRUST`. It never calls `process.exit`.
import { connect } from "@dimmer/sdk";
import { connectRemote } from "@dimmer/sdk/remote";

const [, , what = "", feed = "", trust = ""] = process.argv;
const options = { trust, pollMs: 50, waitMs: 3_600_000 };

switch (what) {
  case "closes": {
    const dimmer = await connect({ feed, ...options });
    dimmer.signal("acme", "job").addEventListener("abort", () => {});
    dimmer.on("change", () => {});
    console.log(dimmer.check("acme", "view").reason);
    await dimmer.close();
    break;
  }
  case "disposes": {
    await using dimmer = await connect({ feed, ...options });
    console.log(dimmer.check("acme", "view").reason);
    break;
  }
  case "forgets": {
    const dimmer = await connect({ feed, ...options });
    console.log(dimmer.check("acme", "view").reason);
    break;
  }
  case "waits": {
    const failed = Promise.withResolvers<void>();
    const log = { info() {}, warn: () => failed.resolve(), error() {} };
    const dimmer = await connect({ feed, ...options, log, waitMs: 0 });
    await failed.promise;
    console.log(dimmer.check("acme", "view").reason);
    await dimmer.ready();
    console.log(dimmer.check("acme", "view").reason);
    await dimmer.close();
    break;
  }
  case "boots": {
    await using dimmer = await connect({ feed, ...options, waitMs: 100 });
    console.log(dimmer.check("acme", "view").reason);
    break;
  }
  case "asks": {
    const dimmer = await connectRemote({ sidecar: feed, ...options, timeoutMs: 5_000 });
    (await dimmer.signal("acme", "job")).addEventListener("abort", () => {});
    console.log((await dimmer.check("acme", "view")).reason);
    await dimmer.close();
    break;
  }
  case "asks and forgets": {
    const dimmer = await connectRemote({ sidecar: feed, ...options, timeoutMs: 5_000 });
    console.log((await dimmer.check("acme", "view")).reason);
    break;
  }
  default:
    throw new Error(`what is ${what}?`);
}
