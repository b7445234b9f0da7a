// Consumes with amqplib and does nothing, once for each event: whoever sets its key in Redis is the first.

import { Redis } from "ioredis";
import { REMEMBERED } from "./events.js";
import { ready, setting, Tally } from "./program.js";
import { connection as connect, declare, QUEUE } from "./queue.js";

const redis = new Redis(setting("REDIS_URL"), { enableAutoPipelining: true });
redis.on("error", (error) => console.error(error.message));
const connection = await connect();
const channel = await connection.createChannel();
channel.on("error", (error) => console.error(error.message));
channel.on("close", () => process.exit(1));
await declare(channel);
await channel.prefetch(Number(setting("CONCURRENCY")));

const tally = new Tally();
ready(await tally.listen(), async () => {
  channel.removeAllListeners("close");
  connection.removeAllListeners("close");
  await channel.close();
  await connection.close();
  redis.disconnect();
});

await channel.consume(QUEUE, async (message) => {
  if (message === null) process.exit(1); // the queue is gone
  try {
    const key = `peer:seen:${message.properties.messageId}`;
    const set = await redis.set(key, "1", "EX", REMEMBERED, "NX");
    channel.ack(message);
    tally.count(set !== null);
  } catch (error) {
    console.error(error.message); // Redis is away: it comes again
    channel.nack(message);
  }
});
