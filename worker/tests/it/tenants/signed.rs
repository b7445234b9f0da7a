//! Whether a request is signed, as those who get it find out.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::endpoint::{Endpoint, Received};
use super::file::SECRET;

/// As a library for Standard Webhooks verifies it.
pub(super) fn is_signed(received: &Received) -> bool {
    let key = BASE64.decode(SECRET.trim_start_matches("whsec_").as_bytes()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, time) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&received.body);
    let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    received.header("webhook-signature").split(' ').any(|given| given == signature)
}

/// As an endpoint for HubSpot's webhooks verifies it.
pub(super) fn is_signed_as_hubspot_does(endpoint: &Endpoint, received: &Received) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let time = received.header("x-hubspot-request-timestamp");
    mac.update(
        format!("{}http://{}{}", received.method, endpoint.address, received.uri).as_bytes(),
    );
    mac.update(&received.body);
    mac.update(time.as_bytes());
    received.header("x-hubspot-signature-v3") == BASE64.encode(&mac.finalize().into_bytes())
}
