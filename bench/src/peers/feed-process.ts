import { buildBenchFeed } from "../bench-feed.ts";
import { buildQuestionFeed } from "../decision/question-feed.ts";

/** Builds the feed that Dimmer follows, apart from who follows it. `node feed-process.ts plain|principal FOLDER TENANTS` */
const [question = "plain", folder = "", tenants = "0"] = process.argv.slice(2);
const build = question === "principal" ? buildQuestionFeed : buildBenchFeed;
process.stdout.write(`${JSON.stringify(await build(folder, Number(tenants)))}\n`);
