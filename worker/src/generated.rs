//! Secrets that Hubline makes for destinations and keeps itself.
//!
//! Owns how one is made, and that it is sealed as what it is and whose: one that was put in the place of
//! another's opens nothing. Refuses to know where they are kept, and to show one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use shared::clock::now_ms;

use crate::records::{KeptSecret, SealedSecret};
use crate::sealed::{Keys, NotOpened};
use crate::tenants::{Destination, SecretForm};

/// What to do where there is no key.
pub(crate) const NO_KEY: &str = "the secret is sealed, and SECRETS_KEY is not set: make a key with \
    `openssl rand -base64 32`, and give the same one to workers, console and commands";

/// Said of a destination whose secret was never made, or was another's.
const NONE_KEPT: &str =
    "the secret was not made: apply the destination's section, or rotate its secret";

/// What a key of Standard Webhooks is made of, in bytes: from 24 to 64 by the specification.
const STANDARD_BYTES: usize = 32;

/// Whose a secret is. It belongs to the destination, to its tenant, and to how that signs: with another of them it
/// is another secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) destination: String,
    /// `None` if all tenants share the destination.
    pub(crate) tenant: Option<String>,
    pub(crate) form: SecretForm,
}

/// A secret that was kept, and the one before it for as long as that signs as well.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) current: SecretString,
    pub(crate) former: Option<(SecretString, SystemTime)>,
}

impl Owner {
    /// Whose the destination's secret is, if it is one that is made here.
    pub(crate) fn of(destination: &Destination) -> Option<Self> {
        let form = destination.generated()?;
        let (tenant, destination) = (destination.tenant.clone(), destination.name.clone());
        Some(Self { destination, tenant, form })
    }

    /// Another secret, as it is handed out and as it is kept.
    pub(crate) fn make(&self, keys: &Keys) -> anyhow::Result<(SecretString, SealedSecret)> {
        let secret = self.random();
        let sealed = self.seal(keys, &secret)?;
        let Self { destination, tenant, form } = self.clone();
        Ok((secret, SealedSecret { destination, tenant, form, sealed }))
    }

    /// One of the right form, for whoever only looks at sections.
    pub(crate) fn example(&self) -> Opened {
        Opened { current: self.random(), former: None }
    }

    fn random(&self) -> SecretString {
        match self.form {
            SecretForm::Standard => {
                let bytes = Zeroizing::new(rand::random::<[u8; STANDARD_BYTES]>());
                SecretString::from(format!("whsec_{}", STANDARD.encode(bytes.as_slice())))
            }
            SecretForm::HubSpot => SecretString::from(like_hubspots(rand::random())),
        }
    }

    /// The same secret as it is kept.
    pub(crate) fn seal(&self, keys: &Keys, secret: &SecretString) -> anyhow::Result<Vec<u8>> {
        keys.seal(&self.what(), secret)
    }

    /// What is kept, opened. The error says what to do.
    pub(crate) fn open(&self, keys: &Keys, kept: Option<&KeptSecret>) -> Result<Opened, String> {
        let kept = kept.filter(|kept| self.owns(kept)).ok_or(NONE_KEPT)?;
        let open = |sealed: &[u8]| {
            keys.open(&self.what(), sealed).map_err(|error| match error {
                NotOpened::UnknownKey => {
                    format!("the secret: {error}: put that back beside the new one")
                }
                NotOpened::Damaged => {
                    format!("the secret: {error}: rotate it with --overlap 0s --lost-key")
                }
            })
        };
        // What is over needs no key any more.
        let former = kept.former(now_ms());
        let former =
            former.map(|(sealed, until_ms)| Ok::<_, String>((open(sealed)?, time(until_ms))));
        Ok(Opened { current: open(&kept.sealed)?, former: former.transpose()? })
    }

    /// What is kept for it, among all that is by the destinations' names.
    pub(crate) fn find<'k>(&self, all: &'k [KeptSecret]) -> Option<&'k KeptSecret> {
        let place = all.binary_search_by(|kept| kept.destination.cmp(&self.destination));
        Some(&all[place.ok()?]).filter(|kept| self.owns(kept))
    }

    /// Whether that was made for it as it is now.
    fn owns(&self, kept: &KeptSecret) -> bool {
        let Self { destination, tenant, form } = self;
        (destination, tenant, *form) == (&kept.destination, &kept.tenant, kept.form)
    }

    /// What it is sealed as. No name has a space or a comma in it.
    fn what(&self) -> String {
        let Self { destination, tenant, form } = self;
        let whose =
            tenant.as_ref().map_or_else(|| "all".to_owned(), |name| format!("tenant/{name}"));
        format!("{form} secret of destination/{destination}, {whose}")
    }
}

/// As HubSpot writes an app's client secret: a random UUID.
fn like_hubspots(random: u128) -> String {
    // Its version and variant, by RFC 9562.
    let uuid = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{uuid:032x}");
    let (one, two, three) = (&digits[..8], &digits[8..12], &digits[12..16]);
    format!("{one}-{two}-{three}-{}-{}", &digits[16..20], &digits[20..])
}

/// A time before 1970 is long over.
fn time(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::collections::HashSet;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::destination::Signing;

    fn keys(byte: u8) -> Keys {
        Keys::parse(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    fn owner(destination: &str, tenant: Option<&str>, form: SecretForm) -> Owner {
        let tenant = tenant.map(str::to_owned);
        Owner { destination: destination.to_owned(), tenant, form }
    }

    fn kept(owner: &Owner, sealed: Vec<u8>) -> KeptSecret {
        let Owner { destination, tenant, form } = owner.clone();
        let made_by = "ann".to_owned();
        KeptSecret {
            destination,
            tenant,
            form,
            sealed,
            made_ms: 1,
            made_by,
            previous: None,
            previous_until_ms: None,
        }
    }

    #[test]
    fn a_secret_has_the_form_of_its_signature_and_is_no_other_ones() {
        let keys = keys(1);
        let mut all = HashSet::new();
        for form in [SecretForm::Standard, SecretForm::HubSpot] {
            for _ in 0..20 {
                let (secret, _) = owner("d", None, form).make(&keys).unwrap();
                let text = secret.expose_secret();
                match form {
                    SecretForm::Standard => {
                        assert!(text.starts_with("whsec_") && text.len() == 50, "{text}");
                        Signing::standard(&secret, &[]).unwrap();
                    }
                    SecretForm::HubSpot => {
                        let lengths: Vec<_> = text.split('-').map(str::len).collect();
                        assert_eq!(lengths, [8, 4, 4, 4, 12], "{text}");
                    }
                }
                assert!(all.insert(text.to_owned()));
            }
        }
        assert_eq!(like_hubspots(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(like_hubspots(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn what_is_kept_for_one_opens_for_nobody_else() {
        let (keys, form) = (keys(1), SecretForm::Standard);
        let acme = owner("acme-crm", Some("acme"), form);
        let (secret, sealed) = acme.make(&keys).unwrap();
        let row = kept(&acme, sealed.sealed.clone());
        let opened = acme.open(&keys, Some(&row)).unwrap();
        assert_eq!(opened.current.expose_secret(), secret.expose_secret());
        for other in [
            owner("acme-crm", Some("umbrella"), form),
            owner("acme-crm", Some("all"), form),
            owner("acme-crm", None, form),
            owner("acme-new", Some("acme"), form),
            owner("acme-crm", Some("acme"), SecretForm::HubSpot),
        ] {
            assert_eq!(other.open(&keys, Some(&row)).unwrap_err(), NONE_KEPT);
            // Nor if somebody has written that it is theirs.
            let row = kept(&other, sealed.sealed.clone());
            assert!(other.open(&keys, Some(&row)).unwrap_err().contains("damaged"));
        }
        assert_eq!(acme.open(&keys, None).unwrap_err(), NONE_KEPT);
        let shown = format!("{row:?} {sealed:?} {opened:?}");
        assert!(!shown.contains(secret.expose_secret()), "{shown}");
    }

    #[test]
    fn the_former_one_is_opened_for_as_long_as_it_signs() {
        let acme = owner("acme-crm", Some("acme"), SecretForm::Standard);
        let (new, old) = (keys(1), keys(2));
        let (former, was) = acme.make(&old).unwrap();
        let mut row = kept(&acme, acme.make(&new).unwrap().1.sealed);
        row.previous = Some(was.sealed);
        row.previous_until_ms = Some(now_ms() + 3_600_000);
        // What cannot sign any more, although it should, is said.
        assert!(acme.open(&new, Some(&row)).unwrap_err().contains("no longer has"));
        let both = format!("{} {}", STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let both = Keys::parse(&SecretString::from(both)).unwrap();
        let (opened, until) = acme.open(&both, Some(&row)).unwrap().former.unwrap();
        assert_eq!(opened.expose_secret(), former.expose_secret());
        assert!(until > SystemTime::now());
        row.previous_until_ms = Some(1);
        assert!(acme.open(&new, Some(&row)).unwrap().former.is_none());
    }
}
