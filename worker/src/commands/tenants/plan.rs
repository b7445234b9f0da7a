//! What a file would change.

use std::path::Path;

use anyhow::Context as _;

use super::difference::tell;
use super::intent::Intent;
use super::place::Whence;
use crate::tenants::Difference;

pub(super) async fn plan(
    path: &Path,
    against: Option<&Path>,
    prune: bool,
    json: bool,
    whence: &Whence,
) -> anyhow::Result<()> {
    let reading = &whence.reading;
    let file = against.or_else(|| reading.file().ok());
    let difference = if let (Some(against), false) = (file, prune) {
        let old = reading.read(against).context("what it would change cannot be used")?;
        Difference::between(&old.tenants, &reading.read(path)?.tenants)
    } else {
        whence
            .stored
            .with(async |records| {
                let sections = records.tenant_sections().await?;
                Ok(Intent::of(path, &sections, prune, reading)?.difference)
            })
            .await?
    };
    tell(&difference, json)
}
