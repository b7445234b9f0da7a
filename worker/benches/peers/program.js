// What every peer does alike: its settings come from the environment, it says on stdout which port
// it answers on, and it ends on SIGTERM, or with whoever started it.

import { createServer } from "node:http";
import { fstatSync } from "node:fs";

/** A setting that must be there. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** Says that `port` answers now, and closes by `close` when told to end. */
export function ready(port, close) {
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    // What does not close in time is not waited for.
    setTimeout(() => process.exit(1), 4000).unref();
    await close();
    process.exit(0);
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  // A pipe that ends is a parent that is gone; anything else on stdin is not looked at.
  if (fstatSync(0).isFIFO()) process.stdin.on("end", end).resume();
  process.stdout.write(`ready ${port}\n`);
}

/** Counts what a worker has done, and shows it as Hubline's workers do. */
export class Tally {
  succeeded = 0;
  duplicate = 0;

  count(isFirst) {
    if (isFirst) this.succeeded += 1;
    else this.duplicate += 1;
  }

  /** Answers on a free port, which it resolves to. */
  listen() {
    const server = createServer((_request, response) => {
      response.end(
        `peer_runs_total{verdict="succeeded"} ${this.succeeded}\n` +
          `peer_runs_total{verdict="duplicate"} ${this.duplicate}\n`,
      );
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(server.address().port));
    });
  }
}
