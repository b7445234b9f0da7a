//! What a browser keeps instead of the token: who somebody is, what they see and until when, under a digest
//! that takes both their token and a key of the records'. So a token that is taken away, or gives something
//! else, ends its sessions, and a session tells nobody whether a guess at the token is right.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use shared::origin::Origin;

use super::person::{Person, Role};
use super::reach::Reach;
use super::tokens::{Access, Pass, Token};
use crate::records::Key;

/// How long a session lasts, in seconds.
pub(in crate::console) const SECONDS: i64 = 12 * 3600;
/// The longest name, in bytes.
pub(in crate::console) const MAX_NAME_BYTES: usize = 60;
/// No digest for anything else is one for a session.
const PURPOSE: &[u8] = b"hubline console session 3\n";

/// A session that was sealed here and is not over by its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) struct Session {
    /// What it is ended by.
    pub(in crate::console) id: String,
    pub(in crate::console) expires_ms: i64,
    pub(in crate::console) person: Person,
}

/// A session's text: role, origin (none for all), expiry, id, name and digest.
pub(in crate::console) fn seal(pass: &Pass, key: &Key, name: &str, now_ms: i64) -> Option<String> {
    let expires_ms = now_ms + SECONDS * 1000;
    let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
    let name = URL_SAFE_NO_PAD.encode(name);
    let (role, origin) = (pass.role.as_str(), written(&pass.reach));
    let facts = format!("{role}.{origin}.{expires_ms}.{id}.{name}");
    let digest = digest(&pass.token, key, &facts)?.finalize().into_bytes();
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
    let reach = read(parts.next()?)?;
    let expires_ms: i64 = parts.next()?.parse().ok()?;
    let id = parts.next()?.to_owned();
    let name = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    let claimed = URL_SAFE_NO_PAD.decode(claimed).ok()?;
    let is_of = |token: &Token| {
        digest(token, key, facts).is_some_and(|digest| digest.verify_slice(&claimed).is_ok())
    };
    access.tokens_of(role, &reach).iter().find(|token| is_of(token))?;
    let nameless = Person::nameless(role, reach);
    let name = Some(String::from_utf8(name).ok()?).filter(|name| !name.is_empty());
    (now_ms < expires_ms).then(|| Session {
        id,
        expires_ms,
        person: Person { name: name.unwrap_or(nameless.name.clone()), signed_in: true, ..nameless },
    })
}

/// How a reach stands in a session.
fn written(reach: &Reach) -> String {
    reach.origin().map(|origin| URL_SAFE_NO_PAD.encode(origin.to_string())).unwrap_or_default()
}

fn read(text: &str) -> Option<Reach> {
    if text.is_empty() {
        return Some(Reach::All);
    }
    let origin = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    origin.parse::<Origin>().ok().map(Reach::Origin)
}

fn digest(token: &Token, key: &Key, facts: &str) -> Option<Hmac<Sha256>> {
    // A key of any length will do.
    let mut digest = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
    digest.update(PURPOSE);
    digest.update(token.digest());
    digest.update(facts.as_bytes());
    Some(digest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;

    use super::*;
    use crate::settings::console::Tokens;
    use crate::settings::tenant_tokens::TenantToken;

    fn access(operator: &str, viewer: &str) -> Access {
        with_tenants(operator, viewer, &[])
    }

    /// With tokens of tenants, each a viewer's.
    fn with_tenants(operator: &str, viewer: &str, tenants: &[(u64, &str)]) -> Access {
        let token = |text: &str| Some(SecretString::from(text));
        let tenant = |(portal_id, token): &(u64, &str)| TenantToken {
            origin: Origin::hubspot(*portal_id),
            may_act: false,
            token: (*token).into(),
        };
        let tenants = tenants.iter().map(tenant).collect();
        Access::new(&Tokens { operator: token(operator), viewer: token(viewer), tenants })
    }

    fn sealed(access: &Access, token: &str, key: &Key, name: &str) -> String {
        seal(&access.pass(token).unwrap(), key, name, 1000).unwrap()
    }

    fn key(byte: u8) -> Key {
        Key::new(Box::new([byte; 32]))
    }

    #[test]
    fn a_session_says_who_somebody_is_until_it_is_over() {
        let (access, key) = (access("one", "two"), key(7));
        let text = sealed(&access, "one", &key, "Ann \u{e9}");
        let session = open(&access, &key, &text, 1000 + SECONDS * 1000 - 1).unwrap();
        let person = &session.person;
        assert_eq!((&*person.name, person.role, person.signed_in), ("Ann é", Role::Operator, true));
        assert_eq!(open(&access, &key, &text, 1000 + SECONDS * 1000), None);
        let nameless = sealed(&access, "two", &key, "");
        let nameless = open(&access, &key, &nameless, 1000).unwrap();
        assert_eq!(nameless.person.name, "console viewer");
        assert!(!text.contains("one") && nameless.id != session.id);
    }

    #[test]
    fn what_was_not_sealed_with_the_token_of_the_role_is_no_session() {
        let (right, key_7) = (access("one", "two"), key(7));
        let session = sealed(&right, "two", &key_7, "Ann");
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

    #[test]
    fn a_session_sees_what_its_token_gives_for_as_long_as_it_gives_that() {
        let (before, key) = (with_tenants("one", "two", &[(7, "seven"), (7, "other")]), key(7));
        let session = sealed(&before, "seven", &key, "Ann");
        let person = open(&before, &key, &session, 1000).unwrap().person;
        assert_eq!(person.reach, Reach::Origin(Origin::hubspot(7)));
        assert_eq!(person.signature(), "Ann (hubspot/7)");
        let is_open = |access: &Access, session: &str| open(access, &key, session, 1000).is_some();
        for (tenants, stays) in [
            (&[(7, "new"), (7, "seven")][..], true),
            (&[(7, "other")], false),
            (&[(8, "seven")], false),
            (&[(8, "seven"), (7, "other")], false),
            (&[], false),
        ] {
            assert_eq!(is_open(&with_tenants("one", "two", tenants), &session), stays);
        }
        // Nobody makes more of it.
        let parts: Vec<&str> = session.split('.').collect();
        for origin in ["", "aHVic3BvdC84", "aHVic3BvdC83Lw", "x"] {
            let mut forged = parts.clone();
            forged[1] = origin;
            assert!(!is_open(&before, &forged.join(".")), "{origin}");
        }
        let whole = sealed(&before, "two", &key, "Ann");
        assert_eq!(open(&before, &key, &whole, 1000).unwrap().person.reach, Reach::All);
        assert!(!is_open(&before, &whole.replacen("viewer..", "viewer.aHVic3BvdC83.", 1)));
    }
}
