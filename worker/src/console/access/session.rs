//! What a browser keeps instead of the token: who somebody is and until when, under a digest that
//! takes both the role's token and a key of the records'. So a new token ends every session, and a
//! session tells nobody whether a guess at the token is right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::person::{Person, Role};
use super::tokens::{Access, Token};
use crate::records::Key;

/// How long a session lasts, in seconds.
pub(in crate::console) const SECONDS: i64 = 12 * 3600;
/// The longest name, in bytes.
pub(in crate::console) const MAX_NAME_BYTES: usize = 60;
/// No digest for anything else is one for a session.
const PURPOSE: &[u8] = b"hubline console session 2\n";

/// A session that was sealed here and is not over by its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) struct Session {
    /// What it is ended by.
    pub(in crate::console) id: String,
    pub(in crate::console) expires_ms: i64,
    pub(in crate::console) person: Person,
}

/// A session's text: role, expiry, id, name and digest.
pub(in crate::console) fn seal(
    access: &Access,
    key: &Key,
    role: Role,
    name: &str,
    now_ms: i64,
) -> Option<String> {
    let expires_ms = now_ms + SECONDS * 1000;
    let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
    let name = URL_SAFE_NO_PAD.encode(name);
    let facts = format!("{}.{expires_ms}.{id}.{name}", role.as_str());
    let digest = digest(access.token(role)?, key, &facts)?.finalize().into_bytes();
    Some(format!("{facts}.{}", URL_SAFE_NO_PAD.encode(digest)))
}

/// The session, if it is one and its time is not over.
pub(in crate::console) fn open(
    access: &Access,
    key: &Key,
    session: &str,
    now_ms: i64,
) -> Option<Session> {
    let (facts, claimed) = session.rsplit_once('.')?;
    let mut parts = facts.split('.');
    let role = match parts.next()? {
        "operator" => Role::Operator,
        "viewer" => Role::Viewer,
        _ => return None,
    };
    let expires_ms: i64 = parts.next()?.parse().ok()?;
    let id = parts.next()?.to_owned();
    let name = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    let claimed = URL_SAFE_NO_PAD.decode(claimed).ok()?;
    digest(access.token(role)?, key, facts)?.verify_slice(&claimed).ok()?;
    let nameless = Person::nameless(role);
    let name = Some(String::from_utf8(name).ok()?).filter(|name| !name.is_empty());
    (now_ms < expires_ms).then(|| Session {
        id,
        expires_ms,
        person: Person { name: name.unwrap_or(nameless.name), role, signed_in: true },
    })
}

fn digest(token: &Token, key: &Key, facts: &str) -> Option<Hmac<Sha256>> {
    // A key of any length will do.
    let mut digest = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
    digest.update(PURPOSE);
    digest.update(&Sha256::digest(token.bytes()));
    digest.update(facts.as_bytes());
    Some(digest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;

    use super::*;
    use crate::settings::console::Tokens;

    fn access(operator: &str, viewer: &str) -> Access {
        let token = |text: &str| Some(SecretString::from(text));
        Access::new(&Tokens { operator: token(operator), viewer: token(viewer) })
    }

    fn key(byte: u8) -> Key {
        Key::new(Box::new([byte; 32]))
    }

    #[test]
    fn a_session_says_who_somebody_is_until_it_is_over() {
        let (access, key) = (access("one", "two"), key(7));
        let text = seal(&access, &key, Role::Operator, "Ann \u{e9}", 1000).unwrap();
        let session = open(&access, &key, &text, 1000 + SECONDS * 1000 - 1).unwrap();
        let person = &session.person;
        assert_eq!((&*person.name, person.role, person.signed_in), ("Ann é", Role::Operator, true));
        assert_eq!(open(&access, &key, &text, 1000 + SECONDS * 1000), None);
        let nameless = seal(&access, &key, Role::Viewer, "", 1000).unwrap();
        let nameless = open(&access, &key, &nameless, 1000).unwrap();
        assert_eq!(nameless.person.name, "console viewer");
        assert!(!text.contains("one") && nameless.id != session.id);
    }

    #[test]
    fn what_was_not_sealed_with_the_token_of_the_role_is_no_session() {
        let (right, key_7) = (access("one", "two"), key(7));
        let session = seal(&right, &key_7, Role::Viewer, "Ann", 1000).unwrap();
        let (facts, digest) = session.rsplit_once('.').unwrap();
        let later = facts.replace(&(1000 + SECONDS * 1000).to_string(), "9999999999999");
        assert_ne!(later, facts);
        for forged in [
            session.replace("viewer", "operator"),
            format!("{later}.{digest}"),
            format!("{facts}."),
            format!("{facts}.{}", digest.to_lowercase()),
            format!("{facts}.x.{digest}"),
            facts.to_owned(),
            String::new(),
            ".".to_owned(),
        ] {
            assert_eq!(open(&right, &key_7, &forged, 1000), None, "{forged}");
        }
        assert_eq!(open(&access("one", "three"), &key_7, &session, 1000), None);
        assert_eq!(open(&access("two", "one"), &key_7, &session, 1000), None);
        // The token alone makes no session.
        assert_eq!(open(&right, &key(8), &session, 1000), None);
        assert_eq!(open(&Access::Open, &key_7, &session, 1000), None);
        assert!(open(&right, &key_7, &session, 1000).is_some());
    }
}
