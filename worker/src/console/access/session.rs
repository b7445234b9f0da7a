//! What a browser keeps instead of the token: who somebody is and until when, under a digest that
//! only the holder of the role's token can make. Nothing is kept here; a new token ends every
//! session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Access, Person, Role, Token};

/// The cookie's name.
pub(in crate::console) const COOKIE: &str = "hubline_console";
/// How long a session lasts, in seconds.
pub(in crate::console) const SECONDS: i64 = 12 * 3600;
/// The longest name, in bytes.
pub(in crate::console) const MAX_NAME_BYTES: usize = 60;
/// No digest for anything else is one for a session.
const PURPOSE: &[u8] = b"hubline console session 1\n";

/// A session's text: role, expiry, name and digest.
pub(in crate::console) fn seal(
    access: &Access,
    role: Role,
    name: &str,
    now_ms: i64,
) -> Option<String> {
    let expires_ms = now_ms + SECONDS * 1000;
    let name = URL_SAFE_NO_PAD.encode(name);
    let facts = format!("{}.{expires_ms}.{name}", role.as_str());
    let digest = digest(access.token(role)?, &facts)?.finalize().into_bytes();
    Some(format!("{facts}.{}", URL_SAFE_NO_PAD.encode(digest)))
}

/// Whose session it is, if it is one and not over.
pub(in crate::console) fn open(access: &Access, session: &str, now_ms: i64) -> Option<Person> {
    let (facts, claimed) = session.rsplit_once('.')?;
    let mut parts = facts.split('.');
    let role = match parts.next()? {
        "operator" => Role::Operator,
        "viewer" => Role::Viewer,
        _ => return None,
    };
    let expires_ms: i64 = parts.next()?.parse().ok()?;
    let name = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    let claimed = URL_SAFE_NO_PAD.decode(claimed).ok()?;
    digest(access.token(role)?, facts)?.verify_slice(&claimed).ok()?;
    let person = Person::nameless(role);
    let name = Some(String::from_utf8(name).ok()?).filter(|name| !name.is_empty());
    (now_ms < expires_ms).then(|| Person {
        name: name.unwrap_or(person.name),
        signed_in: true,
        ..Person::nameless(role)
    })
}

fn digest(token: &Token, facts: &str) -> Option<Hmac<Sha256>> {
    // A key of any length will do.
    let mut digest = Hmac::<Sha256>::new_from_slice(token.bytes()).ok()?;
    digest.update(PURPOSE);
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

    #[test]
    fn a_session_says_who_somebody_is_until_it_is_over() {
        let access = access("one", "two");
        let session = seal(&access, Role::Operator, "Ann \u{e9}", 1000).unwrap();
        let person = open(&access, &session, 1000 + SECONDS * 1000 - 1).unwrap();
        assert_eq!((&*person.name, person.role, person.signed_in), ("Ann é", Role::Operator, true));
        assert_eq!(open(&access, &session, 1000 + SECONDS * 1000), None);
        let nameless = seal(&access, Role::Viewer, "", 1000).unwrap();
        assert_eq!(open(&access, &nameless, 1000).unwrap().name, "console viewer");
        assert!(!session.contains("one"));
    }

    #[test]
    fn what_was_not_sealed_with_the_token_of_the_role_is_no_session() {
        let right = access("one", "two");
        let session = seal(&right, Role::Viewer, "Ann", 1000).unwrap();
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
            assert_eq!(open(&right, &forged, 1000), None, "{forged}");
        }
        assert_eq!(open(&access("one", "three"), &session, 1000), None);
        assert_eq!(open(&access("two", "one"), &session, 1000), None);
        assert_eq!(open(&Access::Open, &session, 1000), None);
        assert!(open(&right, &session, 1000).is_some());
    }
}
