// The queue of the peers that use RabbitMQ: durable, a quorum queue, as Hubline's are.

import { connect } from "amqplib";
import { setting } from "./program.js";

export const QUEUE = setting("QUEUE");

/** A connection; the program ends when it is lost, and is started again by whatever runs it. */
export async function connection() {
  const connection = await connect(setting("AMQP_URL"), { noDelay: true });
  connection.on("error", (error) => console.error(error.message));
  connection.on("close", () => process.exit(1));
  return connection;
}

export function declare(channel) {
  return channel.assertQueue(QUEUE, {
    durable: true,
    arguments: { "x-queue-type": "quorum", "x-overflow": "reject-publish" },
  });
}
