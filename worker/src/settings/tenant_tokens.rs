//! `CONSOLE_TENANT_TOKENS_FILE`: tokens that open one account alone, a line for each.
//!
//! Refuses what could be guessed, what is there twice, and accounts that are nobody's. Its errors name the
//! line and nothing that stands in it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use shared::origin::Origin;

/// Shorter tokens can be guessed.
pub(super) const MIN_TOKEN_CHARS: usize = 16;
/// The largest file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// The most tokens: each one that is given is compared with all of them.
const MAX_TOKENS: usize = 10_000;

/// How a line is written.
const EXAMPLE: &str = "hubspot/62515 viewer TOKEN, or operator in the place of viewer";

/// A token that opens one account.
#[derive(Clone, Debug)]
pub(crate) struct TenantToken {
    /// The account, and its sender.
    pub(crate) origin: Origin,
    /// Whether its holders are operators there.
    pub(crate) may_act: bool,
    pub(crate) token: SecretString,
}

/// The tokens in `file`, of which none is one of `others`, by their names.
pub(super) fn read(
    file: &Path,
    others: &[(&'static str, Option<&SecretString>)],
) -> anyhow::Result<Vec<TenantToken>> {
    let named = || format!("cannot read {}", file.display());
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(named)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).with_context(named)?;
    let is_short = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES);
    anyhow::ensure!(is_short, "{} has more than {MAX_BYTES} bytes", file.display());
    let text =
        String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{} is not UTF-8", file.display()))?;
    tokens(&SecretString::from(text), others)
}

fn tokens(
    text: &SecretString,
    others: &[(&'static str, Option<&SecretString>)],
) -> anyhow::Result<Vec<TenantToken>> {
    let others = others.iter().filter_map(|(name, token)| Some((*name, (*token)?)));
    let mut seen: BTreeMap<[u8; 32], String> =
        others.map(|(name, token)| (digest(token), name.to_owned())).collect();
    let mut tokens = Vec::new();
    for (index, line) in text.expose_secret().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("line {}", index + 1);
        let token = token(line).with_context(|| place.clone())?;
        if let Some(same) = seen.insert(digest(&token.token), place.clone()) {
            anyhow::bail!("{place}: its token is that of {same}: give each its own");
        }
        tokens.push(token);
        anyhow::ensure!(tokens.len() <= MAX_TOKENS, "there are more than {MAX_TOKENS} tokens");
    }
    Ok(tokens)
}

/// Copies of a token stand nowhere else.
fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().trim()).into()
}

fn token(line: &str) -> anyhow::Result<TenantToken> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [origin, role, token] = words[..] else { anyhow::bail!("write {EXAMPLE}") };
    let may_act = match role {
        "viewer" => false,
        "operator" => true,
        _ => anyhow::bail!("the second word is the role, viewer or operator: write {EXAMPLE}"),
    };
    let origin: Origin = origin
        .parse()
        .map_err(|_| anyhow::anyhow!("the first word is the account: write {EXAMPLE}"))?;
    // What nobody can read may be anybody's; and no event has a number that is written otherwise.
    anyhow::ensure!(
        origin.portal_id().is_some_and(|id| Origin::hubspot(id) == origin),
        "the account is hubspot/ and its number: write {EXAMPLE}"
    );
    anyhow::ensure!(
        token.chars().count() >= MIN_TOKEN_CHARS,
        "its token is too short: give it at least {MIN_TOKEN_CHARS} characters, e.g. those of `openssl rand -hex 24`"
    );
    Ok(TenantToken { origin, may_act, token: SecretString::from(token.to_owned()) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, bool)>, String> {
        let operators = SecretString::from("the-operators-own-token\n");
        let tokens = tokens(&SecretString::from(text), &[("CONSOLE_TOKEN", Some(&operators))]);
        let tokens = tokens.map_err(|error| format!("{error:#}"))?;
        Ok(tokens.iter().map(|token| (token.origin.to_string(), token.may_act)).collect())
    }

    #[test]
    fn each_line_opens_one_account_to_a_role() {
        let text = "# acme\nhubspot/62515 viewer 0123456789abcdef\n\n \
                    hubspot/62515\toperator  0123456789abcdeg \r\nhubspot/7 viewer 0123456789abcdeh";
        let own = |origin: &str, may_act| (origin.to_owned(), may_act);
        let expected =
            vec![own("hubspot/62515", false), own("hubspot/62515", true), own("hubspot/7", false)];
        assert_eq!(read(text), Ok(expected));
        // Nobody is let in by it yet.
        assert_eq!(read("# none\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_and_not_repeated() {
        let secret = "hunter2-hunter2-hunter2";
        for (line, why) in [
            (format!("hubspot/7 {secret}"), "write hubspot/62515"),
            (format!("hubspot/7 viewer {secret} {secret}"), "write hubspot/62515"),
            (format!("{secret} hubspot/7 viewer"), "viewer or operator"),
            (format!("hubspot/7 admin {secret}"), "viewer or operator"),
            (format!("7 viewer {secret}"), "account"),
            (format!("hubspot/07 viewer {secret}"), "its number"),
            (format!("hubspot/unknown viewer {secret}"), "its number"),
            (format!("hubspot/* viewer {secret}"), "account"),
            ("hubspot/7 viewer hunter2-hunter2".to_owned(), "at least 16 characters"),
            (format!("hubspot/7 viewer {secret}\nhubspot/8 viewer {secret}"), "that of line 2"),
            ("hubspot/7 viewer the-operators-own-token".to_owned(), "that of CONSOLE_TOKEN"),
        ] {
            let error = read(&format!("# tokens\n{line}")).unwrap_err();
            assert!(error.starts_with("line ") && error.contains(why), "{line}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("operators-own"), "{error}");
        }
        let line = |n| format!("hubspot/7 viewer 0123456789abcdef{n}");
        let many = (0..=MAX_TOKENS).map(line).collect::<Vec<_>>().join("\n");
        assert!(read(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_token_is_not_shown() {
        let secret = "0123456789abcdef";
        let text = SecretString::from(format!("hubspot/7 viewer {secret}"));
        assert!(!format!("{:?}", tokens(&text, &[]).unwrap()).contains(secret));
    }
}
