// HubSpot's signature, version 3, as Hubline checks it: an HMAC over method, URI, raw body and
// timestamp, in one spelling, not older than five minutes, compared in constant time.

import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

const TOLERANCE_MS = 300_000;
/** A SHA-256 in base64. */
const LENGTH = 44;
/** The escapes that HubSpot documents as decoded before it signs. */
const ESCAPE = /%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi;

export class Verifier {
  #key;
  #origin;

  constructor(secret, publicUrl) {
    this.#key = createSecretKey(Buffer.from(secret));
    this.#origin = publicUrl;
  }

  /** Whether HubSpot signed this: `path` and `headers` as they came, `body` as a Buffer. */
  isAuthentic(method, path, headers, body) {
    const signature = headers["x-hubspot-signature-v3"];
    const timestamp = headers["x-hubspot-request-timestamp"];
    if (signature?.length !== LENGTH || !/^\d{1,16}$/.test(timestamp ?? "")) return false;
    if (Math.abs(Date.now() - Number(timestamp)) > TOLERANCE_MS) return false;
    const claimed = Buffer.from(signature, "latin1");
    const uri = this.#origin + path;
    let matches = this.#signs(method, uri, body, timestamp, claimed);
    if (uri.includes("%")) {
      // Its documentation signs the decoded form, its SDKs the received one: either counts.
      const decoded = uri.replace(ESCAPE, (escape) => decodeURIComponent(escape));
      matches = this.#signs(method, decoded, body, timestamp, claimed) || matches;
    }
    return matches;
  }

  #signs(method, uri, body, timestamp, claimed) {
    const hmac = createHmac("sha256", this.#key).update(method + uri).update(body).update(timestamp);
    return timingSafeEqual(Buffer.from(hmac.digest("base64"), "latin1"), claimed);
  }
}
