// A delivery's body as events, and what identifies one.

/** The events of a body, or `undefined` if it is no batch. */
export function parse(body) {
  let batch;
  try {
    batch = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (batch === null || typeof batch !== "object") return undefined;
  return Array.isArray(batch) ? batch : [batch];
}

/** The same for every delivery of one event; event ids alone are not unique. */
export function identity(event) {
  return `${event.portalId}-${event.subscriptionId}-${event.eventId}-${event.objectId}-${event.occurredAt}`;
}

/** How long a worker remembers what it has done, in seconds: eight days. */
export const REMEMBERED = 8 * 24 * 3600;
