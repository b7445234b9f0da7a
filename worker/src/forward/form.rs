//! The body of a batch, and the name of it.
//!
//! Refuses to look into the bodies that it is made of: they are JSON.

use bytes::{BufMut as _, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// An event in a batch: what names its delivery, and its body.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) id: &'a str,
    pub(crate) body: &'a [u8],
}

/// What an event takes up in a batch beside its body and its id, in bytes, at the most.
const AROUND: usize = 24;

impl Part<'_> {
    /// What it takes up, in bytes.
    pub(crate) fn size(self) -> usize {
        self.id.len() + self.body.len() + AROUND
    }
}

/// What names a batch: the same events in the same order have the same name.
pub(crate) fn name(parts: &[Part<'_>]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.id.len() as u64).to_le_bytes());
        digest.update(part.id);
    }
    format!("batch_{}", hex(&digest.finalize()))
}

/// `{"events":[{"id":"…","body":…},…]}`.
pub(crate) fn named(parts: &[Part<'_>]) -> Bytes {
    let mut body = buffer(parts);
    body.put_slice(b"{\"events\":[");
    for (index, part) in parts.iter().enumerate() {
        body.put_slice(if index == 0 { b"{\"id\":" } else { b",{\"id\":" });
        body.put_slice(serde_json::Value::from(part.id).to_string().as_bytes());
        body.put_slice(b",\"body\":");
        body.put_slice(part.body);
        body.put_u8(b'}');
    }
    body.put_slice(b"]}");
    body.freeze()
}

/// `[…,…]`, as HubSpot sends its events.
pub(crate) fn listed(parts: &[Part<'_>]) -> Bytes {
    let mut body = buffer(parts);
    body.put_u8(b'[');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            body.put_u8(b',');
        }
        body.put_slice(part.body);
    }
    body.put_u8(b']');
    body.freeze()
}

fn buffer(parts: &[Part<'_>]) -> BytesMut {
    let sizes = parts.iter().map(|part| part.size());
    BytesMut::with_capacity(sizes.sum::<usize>() + AROUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part<'_>; 2] =
        [Part { id: "a1_crm", body: br#"{"objectId": 1}"# }, Part { id: "a2_crm", body: b"null" }];

    #[test]
    fn bodies_stand_in_it_byte_for_byte() {
        let expected =
            br#"{"events":[{"id":"a1_crm","body":{"objectId": 1}},{"id":"a2_crm","body":null}]}"#;
        assert_eq!(named(&PARTS), &expected[..]);
        assert_eq!(listed(&PARTS), &br#"[{"objectId": 1},null]"#[..]);
        assert_eq!(listed(&PARTS[1..]), &b"[null]"[..]);
        let sizes: usize = PARTS.iter().map(|part| part.size()).sum();
        assert!(named(&PARTS).len() <= sizes);
    }

    #[test]
    fn its_name_is_that_of_its_events_in_their_order() {
        let of = |ids: &[&str]| {
            let parts: Vec<_> = ids.iter().map(|id| Part { id, body: b"1" }).collect();
            name(&parts)
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["ab"]), of(&["a", "b"]));
        assert!(!of(&["a"]).contains('.'), "Standard Webhooks parts what is signed by one");
    }
}
