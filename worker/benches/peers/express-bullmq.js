// Takes deliveries with Express and adds them to BullMQ: 200 when Redis has answered for every event.

import { Queue } from "bullmq";
import express from "express";
import { identity, parse } from "./events.js";
import { ready, setting } from "./program.js";
import { Verifier } from "./signature.js";

const queue = new Queue(setting("QUEUE"), {
  connection: { url: setting("REDIS_URL") },
  // What is done need not be kept: the worker remembers by itself.
  defaultJobOptions: { removeOnComplete: true },
});
queue.on("error", (error) => console.error(error.message));
await queue.waitUntilReady();

const verifier = new Verifier(setting("HUBSPOT_CLIENT_SECRET"), setting("PUBLIC_URL"));
const app = express();
app.disable("x-powered-by");
app.disable("etag");

const raw = express.raw({ type: "application/json", limit: "1mb" });
app.post("/webhooks/hubspot", raw, async (request, response) => {
  const { method, originalUrl, headers, body } = request;
  if (!Buffer.isBuffer(body) || !verifier.isAuthentic(method, originalUrl, headers, body)) {
    return response.status(401).json({ error: "signature" });
  }
  const events = parse(body);
  if (!events) return response.status(400).json({ error: "no batch of events" });
  try {
    await queue.addBulk(
      events.map((event) => ({
        name: event.subscriptionType,
        data: event,
        opts: { jobId: identity(event) },
      })),
    );
  } catch {
    return response.status(503).json({ error: "not taken" });
  }
  return response.json({ received: events.length });
});

const server = app.listen(0, "127.0.0.1", (error) => {
  if (error) throw error;
  ready(server.address().port, async () => {
    server.close();
    server.closeIdleConnections();
    await queue.close();
  });
});
