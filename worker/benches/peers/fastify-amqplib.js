// Takes deliveries with Fastify and publishes with amqplib: 200 when RabbitMQ has confirmed every event.

import Fastify from "fastify";
import { identity, parse } from "./events.js";
import { ready, setting } from "./program.js";
import { connection as connect, declare, QUEUE } from "./queue.js";
import { Verifier } from "./signature.js";

const connection = await connect();
const channel = await connection.createConfirmChannel();
channel.on("error", (error) => console.error(error.message));
channel.on("close", () => process.exit(1));
await declare(channel);

/** Resolves when all of `events` are confirmed. Callbacks of their own wait for no other delivery. */
function publish(events) {
  return new Promise((resolve, reject) => {
    let left = events.length;
    if (left === 0) resolve();
    const confirmed = (error) => {
      if (error) reject(error);
      else if (--left === 0) resolve();
    };
    for (const event of events) {
      const options = {
        persistent: true,
        contentType: "application/json",
        messageId: identity(event),
        type: event.subscriptionType,
      };
      channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(event)), options, confirmed);
    }
  });
}

const verifier = new Verifier(setting("HUBSPOT_CLIENT_SECRET"), setting("PUBLIC_URL"));
const app = Fastify({ logger: false });
app.removeContentTypeParser("application/json");
app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
  done(null, body);
});

const schema = {
  response: { 200: { type: "object", properties: { received: { type: "integer" } } } },
};
app.post("/webhooks/hubspot", { schema }, async (request, reply) => {
  const { method, url, headers, body } = request;
  if (!verifier.isAuthentic(method, url, headers, body)) {
    return reply.code(401).send({ error: "signature" });
  }
  const events = parse(body);
  if (!events) return reply.code(400).send({ error: "no batch of events" });
  try {
    await publish(events);
  } catch {
    return reply.code(503).send({ error: "not confirmed" });
  }
  return { received: events.length };
});

await app.listen({ host: "127.0.0.1", port: 0 });
ready(app.server.address().port, async () => {
  await app.close();
  channel.removeAllListeners("close");
  connection.removeAllListeners("close");
  await channel.close();
  await connection.close();
});
