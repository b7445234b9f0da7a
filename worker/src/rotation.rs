//! Rotations: a destination's secret that was made here gives way to another.
//!
//! Owns who may have it done and when, and for how long the one before signs as well. What is beyond somebody's
//! reach is to them as if it were not there. Refuses to show a secret to anybody but who has asked.

use std::time::Duration;

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::Origin;

use crate::directory::{View, marked};
use crate::generated::{NO_KEY, Owner};
use crate::records::{Edit, KeptSecret, Records};
use crate::sealed::Keys;
use crate::tenants::{Destination, Sink, Tenants};
use crate::when;

/// For how long the former secret signs as well if nobody says otherwise.
pub(crate) const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// The longest that it may.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a secret is not rotated, or not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no destination {0} in the records")]
    Missing(String),
    #[error(
        "the secret of {0} stands where its section says: put another one there, and name the one before as \
         previous_secret until its owner verifies with it no more"
    )]
    ByReference(String),
    #[error("{0} has no secret that signs")]
    Unsigned(String),
    #[error(
        "{0} is signed for as HubSpot does, with one signature in a request: the former secret ends at once, so \
         say --overlap 0s, and do it when its owner is ready"
    )]
    OneSignature(String),
    #[error(
        "the secret of {0} was rotated before, and the one before it signs until {until} UTC: wait until then, or say \
         --overlap 0s, which ends both former ones at once", until = when::show(*.1)
    )]
    Overlapping(String, i64),
    #[error(
        "the former secret may sign for {} at the longest",
        humantime::format_duration(LONGEST)
    )]
    TooLong,
    #[error("{}", NO_KEY)]
    NoKey,
    #[error("{0}: {1}")]
    NotOpened(String, String),
    #[error(
        "{0}: {1}. Workers may have another key: rotate with theirs. If that one is lost, `worker tenants rotate {0} \
         --overlap 0s --lost-key` makes another secret all the same"
    )]
    OtherKey(String, String),
    #[error("what cannot be opened signs no more: with --lost-key say --overlap 0s")]
    Lost,
}

/// How long the former secret is to sign as well, and whether it matters that it cannot be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former {
    pub(crate) overlap: Duration,
    /// What has sealed it is lost.
    pub(crate) is_key_lost: bool,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) destination: &'a str,
    /// The account of whoever asks, if they see no other.
    pub(crate) within: Option<&'a Origin>,
    /// As the audit calls them.
    pub(crate) who: &'a str,
}

/// A secret as it is handed out.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) owner: Owner,
    pub(crate) secret: SecretString,
    /// Until when the one before it signs as well (ms), if it does.
    pub(crate) former_until_ms: Option<i64>,
}

/// How the secret of a destination stands.
#[derive(Clone, Debug)]
pub(crate) struct Stand {
    pub(crate) owner: Owner,
    /// When it was made and by whom, if it was.
    pub(crate) made: Option<(i64, String)>,
    pub(crate) former_until_ms: Option<i64>,
}

/// What stands in the records at one moment.
struct Stored {
    version: i64,
    tenants: Tenants,
    secrets: Vec<KeptSecret>,
}

impl Stored {
    async fn read(records: &Records) -> anyhow::Result<Self> {
        let sections = records.tenant_sections().await?;
        let version = sections.version;
        // There may be thousands: not where others wait for their turn.
        let reading = move || marked(&View::of_records(&sections)).map(|(tenants, _)| tenants);
        let tenants = tokio::task::spawn_blocking(reading).await??;
        // Changed since, they have another version.
        let secrets = records.kept_secrets().await?;
        Ok(Self { version, tenants, secrets })
    }

    fn kept(&self, owner: &Owner) -> Option<&KeptSecret> {
        owner.find(&self.secrets)
    }

    /// Whose the secret is that is asked for.
    fn owner(&self, wish: &Wish<'_>) -> Result<Owner, Refusal> {
        let name = || wish.destination.to_owned();
        let destination = self.tenants.destinations.get(wish.destination);
        let destination = destination.filter(|one| is_within(&self.tenants, one, wish.within));
        let destination = destination.ok_or_else(|| Refusal::Missing(name()))?;
        Owner::of(destination).ok_or_else(|| {
            let is_signed = match &destination.sink {
                Sink::Http(endpoint) => endpoint.sign.secret().is_some(),
                Sink::Slack(_) | Sink::Postgres(_) => false,
            };
            if is_signed { Refusal::ByReference(name()) } else { Refusal::Unsigned(name()) }
        })
    }
}

/// Whether a destination is the account's own; all are if none is said.
fn is_within(tenants: &Tenants, destination: &Destination, within: Option<&Origin>) -> bool {
    let Some(origin) = within else { return true };
    let tenant = destination.tenant.as_ref().and_then(|name| tenants.tenants.get(name));
    tenant.is_some_and(|tenant| tenant.origin == *origin)
}

/// The secrets that are within reach, by their destinations' names.
pub(crate) async fn stands(
    records: &Records,
    within: Option<&Origin>,
) -> anyhow::Result<Vec<Stand>> {
    let stored = Stored::read(records).await?;
    let now_ms = now_ms();
    let owners = stored.tenants.destinations.values();
    let owners = owners.filter(|one| is_within(&stored.tenants, one, within));
    let stand = |owner: Owner| {
        let kept = stored.kept(&owner);
        Stand {
            made: kept.map(|kept| (kept.made_ms, kept.made_by.clone())),
            former_until_ms: kept.and_then(|kept| Some(kept.former(now_ms)?.1)),
            owner,
        }
    };
    Ok(owners.filter_map(Owner::of).map(stand).collect())
}

/// Makes another secret, and has the one before it sign as well for `overlap`. An error is a [`Refusal`] if it
/// is not to be.
pub(crate) async fn rotate(
    records: &Records,
    keys: Option<&Keys>,
    wish: Wish<'_>,
    Former { overlap, is_key_lost }: Former,
) -> anyhow::Result<Handed> {
    let stored = Stored::read(records).await?;
    let owner = stored.owner(&wish)?;
    let (name, now_ms) = (owner.destination.clone(), now_ms());
    anyhow::ensure!(overlap <= LONGEST, Refusal::TooLong);
    let keys = keys.ok_or(Refusal::NoKey)?;
    let kept = stored.kept(&owner);
    // Another key than the workers' would seal what they cannot open, and write over what they can.
    if kept.is_some() && !is_key_lost {
        let opened = owner.open(keys, kept);
        opened.map_err(|error| Refusal::OtherKey(name.clone(), error))?;
    }
    let former_until_ms = if overlap.is_zero() {
        None
    } else {
        anyhow::ensure!(owner.form.overlaps(), Refusal::OneSignature(name));
        if let Some((_, until_ms)) = kept.and_then(|kept| kept.former(now_ms)) {
            anyhow::bail!(Refusal::Overlapping(name, until_ms));
        }
        anyhow::ensure!(!is_key_lost, Refusal::Lost);
        let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
        kept.map(|_| now_ms.saturating_add(overlap_ms))
    };
    let (secret, sealed) = owner.make(keys)?;
    let edit = Edit::Rotate(sealed, former_until_ms);
    records.edit_tenants(stored.version, &[edit], wish.who).await?;
    Ok(Handed { owner, secret, former_until_ms })
}

/// The secret as it is now, for who hands it to the tenant. That it was shown is in the audit first.
pub(crate) async fn show(
    records: &Records,
    keys: Option<&Keys>,
    wish: Wish<'_>,
) -> anyhow::Result<Handed> {
    let stored = Stored::read(records).await?;
    let owner = stored.owner(&wish)?;
    let (keys, kept) = (keys.ok_or(Refusal::NoKey)?, stored.kept(&owner));
    let opened = owner.open(keys, kept);
    let opened = opened.map_err(|error| Refusal::NotOpened(owner.destination.clone(), error))?;
    records.secret_shown(&owner.destination, wish.who).await?;
    let former_until_ms = kept.and_then(|kept| Some(kept.former(now_ms())?.1));
    Ok(Handed { secret: opened.current, owner, former_until_ms })
}

/// Seals every secret with the first of the keys; tells how many those are. Nothing is written if one of them
/// does not open.
pub(crate) async fn reseal(
    records: &Records,
    keys: Option<&Keys>,
    who: &str,
) -> anyhow::Result<usize> {
    let stored = Stored::read(records).await?;
    let keys = keys.ok_or(Refusal::NoKey)?;
    let mut edits = Vec::new();
    for owner in stored.tenants.destinations.values().filter_map(Owner::of) {
        let Some(kept) = stored.kept(&owner) else { continue };
        let opened = owner.open(keys, Some(kept));
        let opened =
            opened.map_err(|error| Refusal::NotOpened(owner.destination.clone(), error))?;
        let previous = opened.former.map(|(secret, _)| owner.seal(keys, &secret)).transpose()?;
        let sealed = owner.seal(keys, &opened.current)?;
        edits.push(Edit::Reseal { destination: owner.destination, sealed, previous });
    }
    if !edits.is_empty() {
        records.edit_tenants(stored.version, &edits, who).await?;
    }
    Ok(edits.len())
}
