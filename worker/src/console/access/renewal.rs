//! The tokens of tenants are read again when their file changes: who is taken out of it is shut out, and
//! their sessions with them.
//!
//! What cannot be used is said once, and changes nothing: the tokens that were there go on.

use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::tokens::{Access, passes};
use crate::settings::ConsoleSettings;
use crate::settings::console::Tokens;

/// How often it is looked at. Another version is taken at the second look: one that is being written is
/// another one then.
const EVERY: Duration = Duration::from_secs(1);

/// Gives `access` each other version of the file until the handle is dropped; `None` if there is none.
pub(in crate::console) fn renew(
    settings: &ConsoleSettings,
    tokens: Tokens,
    access: &Access,
) -> Option<AbortOnDropHandle<()>> {
    settings.tenant_tokens_file()?;
    let watching = watch(settings.clone(), tokens, access.clone());
    Some(AbortOnDropHandle::new(tokio::spawn(watching)))
}

async fn watch(settings: ConsoleSettings, tokens: Tokens, access: Access) {
    let (mut taken, mut complaint) = (passes(&tokens), None);
    let mut seen = taken.clone();
    loop {
        tokio::time::sleep(EVERY).await;
        let (asked, beside) = (settings.clone(), tokens.clone());
        // Reading a file can take its time.
        let looking = tokio::task::spawn_blocking(move || asked.tenant_tokens(&beside));
        let Ok(looked) = looking.await else { continue };
        let found = match looked {
            Ok(tenants) => passes(&Tokens { tenants, ..tokens.clone() }),
            Err(error) => {
                let error = format!("{error:#}");
                if complaint.as_ref() != Some(&error) {
                    tracing::warn!(error, "tenants' tokens cannot be used: the last ones go on");
                    complaint = Some(error);
                }
                continue;
            }
        };
        if complaint.take().is_some() {
            tracing::info!("tenants' tokens can be used again");
        }
        let is_steady = found == seen;
        seen.clone_from(&found);
        if is_steady && found != taken {
            tracing::info!(tokens = found.len(), "another version of tenants' tokens is taken");
            access.replace(found.clone());
            taken = found;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        settings: ConsoleSettings,
    }

    /// The clock stands still while a file is being read, and jumps while nothing is done.
    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_used_changes_nothing() {
        let file = std::env::temp_dir().join(format!("hubline-{:032x}", rand::random::<u128>()));
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("hubspot/7 viewer 0123456789abcdef");
        let path = file.to_str().unwrap();
        let flags = ["console", "--console-token", "an-operators-token-of-16"];
        let flags = [&flags[..], &["--console-tenant-tokens-file", path]].concat();
        let settings = Parsed::try_parse_from(flags).unwrap().settings;
        let tokens = settings.tokens().unwrap();
        let access = Access::new(&tokens);
        let watching = renew(&settings, tokens, &access);
        let lets_in = async |token: &str| {
            tokio::time::sleep(EVERY * 4).await;
            access.pass(token).is_some()
        };
        assert!(lets_in("0123456789abcdef").await);
        for broken in ["hubspot/7 viewer short", "hubspot/7 viewer an-operators-token-of-16", "x"] {
            write(broken);
            assert!(lets_in("0123456789abcdef").await, "{broken}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(lets_in("0123456789abcdef").await);
        write("hubspot/7 viewer another-one-of-16");
        assert!(lets_in("another-one-of-16").await && !lets_in("0123456789abcdef").await);
        write("");
        assert!(!lets_in("another-one-of-16").await && lets_in("an-operators-token-of-16").await);
        std::fs::remove_file(&file).unwrap();
        drop(watching);
    }
}
