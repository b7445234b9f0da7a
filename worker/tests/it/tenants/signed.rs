//! Whether a request is signed, as those who get it find out.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::endpoint::{Endpoint, Received};
use super::file::SECRET;

/// With the secret of files.
pub(super) fn is_signed(received: &Received) -> bool {
    is_signed_with(received, SECRET)
}

/// As a library for Standard Webhooks verifies it.
pub(super) fn is_signed_with(received: &Received, secret: &str) -> bool {
    let key = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, time) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&received.body);
    let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    received.header("webhook-signature").split(' ').any(|given| given == signature)
}

/// With the secret of files.
pub(super) fn is_signed_as_hubspot_does(endpoint: &Endpoint, received: &Received) -> bool {
    is_signed_with_as_hubspot_does(endpoint, received, SECRET)
}

/// As an endpoint for HubSpot's webhooks verifies it.
pub(super) fn is_signed_with_as_hubspot_does(
    endpoint: &Endpoint,
    received: &Received,
    secret: &str,
) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let time = received.header("x-hubspot-request-timestamp");
    mac.update(
        format!("{}http://{}{}", received.method, endpoint.address, received.uri).as_bytes(),
    );
    mac.update(&received.body);
    mac.update(time.as_bytes());
    received.header("x-hubspot-signature-v3") == BASE64.encode(&mac.finalize().into_bytes())
}
