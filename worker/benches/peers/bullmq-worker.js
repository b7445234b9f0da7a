// A worker of BullMQ that does nothing, once for each event: whoever sets its key in Redis is the first.

import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { REMEMBERED } from "./events.js";
import { ready, setting, Tally } from "./program.js";

const url = setting("REDIS_URL");
const redis = new Redis(url, { enableAutoPipelining: true });
redis.on("error", (error) => console.error(error.message));

const tally = new Tally();
const work = async (job) => {
  const set = await redis.set(`peer:seen:${job.id}`, "1", "EX", REMEMBERED, "NX");
  return set !== null;
};
const worker = new Worker(setting("QUEUE"), work, {
  connection: { url, maxRetriesPerRequest: null },
  concurrency: Number(setting("CONCURRENCY")),
  autorun: false,
});
worker.on("error", (error) => console.error(error.message));
worker.on("failed", (_job, error) => console.error(error.message));
// Told when the job is completed in Redis.
worker.on("completed", (_job, isFirst) => tally.count(isFirst));
await worker.waitUntilReady();

ready(await tally.listen(), async () => {
  await worker.close();
  redis.disconnect();
});
worker.run();
