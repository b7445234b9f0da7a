//! What makes two dead letters the same problem: target, step, code, HTTP status, and the message
//! without what differs from event to event.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use crate::harmless::hex;
use crate::records::Key;

/// Raised with every change of the rule: an old problem then stays beside its new self, and both
/// say which rule made them.
pub(super) const RULE: i32 = 1;

/// What is looked at of a message without its variable parts, in characters: what is behind was
/// perhaps cut off.
const MAX_CHARS: usize = 300;

/// The fingerprint of an error, 16 hex digits.
pub(in crate::records) fn fingerprint(target: &str, code: &str, message: &str) -> String {
    let mut hash = Sha256::new();
    let parts = [
        &RULE.to_string(),
        target,
        step(message).unwrap_or_default(),
        code,
        &status(message).map(|status| status.to_string()).unwrap_or_default(),
        &essence(message),
    ];
    for part in parts {
        // Each after its length, so that no two lists of parts read alike.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..8])
}

/// The fingerprint as it is kept and shown, under a key of the records' own: a message's words are in
/// it that perhaps must not be shown, and without the key nobody can try words until they fit.
pub(in crate::records) fn keyed(key: &Key, fingerprint: &str) -> String {
    // A key of any length will do.
    let Ok(mut digest) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else {
        return String::new();
    };
    digest.update(fingerprint.as_bytes());
    hex(&digest.finalize().into_bytes()[..8])
}

/// The step that a message names: ``step `slack` gave …``.
fn step(message: &str) -> Option<&str> {
    message.split_once("step `")?.1.split_once('`').map(|(name, _)| name)
}

/// The HTTP status of a message: the three digits behind `answered`, `status` or `HTTP`.
fn status(message: &str) -> Option<u16> {
    let mut words = message.split(|c: char| c.is_whitespace() || "=():;,".contains(c));
    while let Some(word) = words.next() {
        let announces =
            ["answered", "status", "http"].iter().any(|it| word.eq_ignore_ascii_case(it));
        if !announces {
            continue;
        }
        let number = words.clone().find(|word| !word.is_empty()).and_then(|word| word.parse().ok());
        if let Some(status @ 100..=599) = number {
            return Some(status);
        }
    }
    None
}

/// The message with a sign in place of each variable part.
fn essence(message: &str) -> String {
    let mut essence = String::new();
    let mut rest = message.trim();
    let mut previous = None;
    while let Some(first) = rest.chars().next() {
        let (length, sign) = part(rest, first, previous);
        let taken = &rest[..length];
        match sign {
            Some(sign) => essence.push_str(sign),
            None if first.is_whitespace() || first.is_control() => essence.push(' '),
            None => push_token(&mut essence, taken),
        }
        previous = taken.chars().next_back();
        rest = &rest[length..];
    }
    let words: Vec<&str> = essence.split_whitespace().collect();
    words.join(" ").chars().take(MAX_CHARS).collect()
}

/// The length in bytes of what `rest` begins with, and what stands for it.
fn part(rest: &str, first: char, previous: Option<char>) -> (usize, Option<&'static str>) {
    let inside_word = previous.is_some_and(char::is_alphanumeric);
    if !inside_word {
        if let Some(length) = quoted(rest, first) {
            return (length, Some("<text>"));
        }
        // Up to where a run of what such things are made of ends.
        let run = &rest[..run(rest, |c| !c.is_whitespace() && !"\"'`<>()[]{},;".contains(c))];
        let run = run.trim_end_matches(['.', ':', '!', '?']);
        if let Some(scheme) = run.find("://").filter(|at| *at > 0 && run[..*at].is_ascii()) {
            let path = run[scheme + 3..].find(['/', '?', '#']);
            // The host stays: it says which system.
            return match path {
                Some(0) | None => (run.len(), None),
                Some(at) => (scheme + 3 + at, None),
            };
        }
        if is_email(run) {
            return (run.len(), Some("<email>"));
        }
    }
    if !first.is_alphanumeric() {
        // What follows a URL's host.
        let behind_host = inside_word && (first == '/' || first == '?') && rest.len() > 1;
        let path = &rest[..run(rest, |c| !c.is_whitespace() && !"\"'`<>(){}".contains(c))];
        if behind_host && path.len() > 1 && path.contains(|c: char| c.is_ascii_digit() || c == '?')
        {
            return (path.trim_end_matches(['.', ':', ',', ';']).len(), Some("/<path>"));
        }
        return (first.len_utf8(), None);
    }
    if let Some(length) = uuid(rest) {
        return (length, Some("<uuid>"));
    }
    (run(rest, |c| c.is_alphanumeric() || c == '_'), None)
}

/// A word as it stands, or a sign if it is an id.
fn push_token(essence: &mut String, token: &str) {
    if !token.contains(|c: char| c.is_ascii_digit()) || is_code(token) {
        essence.push_str(token);
        return;
    }
    let digits = run(token, |c| c.is_ascii_digit());
    let unit = &token[digits..];
    if digits > 0 && unit.len() <= 3 && unit.chars().all(|c| c.is_ascii_alphabetic()) {
        // `5000`, `5000ms`.
        essence.push_str("<n>");
        essence.push_str(unit);
    } else if token.len() >= 6 {
        essence.push_str("<id>");
    } else {
        // `v3`: digits of a short word are a number all the same.
        let mut in_number = false;
        for c in token.chars() {
            if !c.is_ascii_digit() {
                essence.push(c);
            } else if !in_number {
                essence.push_str("<n>");
            }
            in_number = c.is_ascii_digit();
        }
    }
}

/// `HUBSPOT_5XX`, `ERP_422`: a word of capitals and short numbers.
fn is_code(token: &str) -> bool {
    token.contains('_')
        && token.starts_with(|c: char| c.is_ascii_uppercase())
        && token.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && token.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= 3)
}

/// The length of a quotation that `rest` begins with.
fn quoted(rest: &str, first: char) -> Option<usize> {
    let close = match first {
        '"' => '"',
        '\'' => '\'',
        '`' => '`',
        '\u{ab}' => '\u{bb}',
        '\u{201c}' => '\u{201d}',
        '\u{2018}' => '\u{2019}',
        _ => return None,
    };
    let inner = &rest[first.len_utf8()..];
    // An apostrophe inside a word closes nothing.
    let end = inner.char_indices().find(|(at, c)| {
        let next = inner[at + c.len_utf8()..].chars().next();
        *c == close && !next.is_some_and(char::is_alphanumeric)
    });
    end.map(|(at, _)| first.len_utf8() + at + close.len_utf8())
}

fn is_email(run: &str) -> bool {
    let Some((name, host)) = run.split_once('@') else { return false };
    let is_host = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    !name.is_empty() && host.contains('.') && host.chars().all(is_host)
}

/// The length of a UUID that `rest` begins with.
fn uuid(rest: &str) -> Option<usize> {
    let candidate = rest.get(..36)?;
    let fits = candidate.char_indices().all(|(at, c)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    });
    fits.then_some(36)
}

/// How many bytes `rest` begins with that `belongs`.
fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !belongs(c)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of one problem: what follows in a row differs in variable parts only.
    const SAME: [&[&str]; 16] = [
        &[
            "ERP answered 422: amount of order 4711 is missing",
            "ERP answered 422: amount of order 12 is missing",
        ],
        &["HubSpot did not answer within 10000 ms", "HubSpot did not answer within 5000 ms"],
        &[
            "HubSpot refuses 3 of 150 contacts; 21: not found",
            "HubSpot refuses 1 of 2 contacts; 4200000000001: not found",
        ],
        &["2 of 150 contacts could not be updated", "149 of 150 contacts could not be updated"],
        &[
            "step `slack` gave 70000 bytes, more than 65536",
            "step `slack` gave 99999 bytes, more than 65536",
        ],
        &["not done within 30000 ms", "not done within 100 ms"],
        &[
            "Slack refused the message: channel \"#sales\" not found",
            "Slack refused the message: channel \"#a b\" not found",
        ],
        &["no user jane.doe+x@example.com", "no user bob@mail.example.org"],
        &[
            "resource 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 is gone",
            "resource 00000000-77b3-4da6-a3ce-929d0e0e4737 is gone",
        ],
        &["commit 4bf92f3577b34da6 is unknown", "commit deadbeef01 is unknown"],
        &[
            "GET https://api.example.com/deals/17?x=1 failed",
            "GET https://api.example.com/deals/180000 failed",
        ],
        &[
            "the deal's contacts do not end after 100 pages of 500",
            "the deal's contacts do not end after 9 pages of 5",
        ],
        &["expected value at line 1 column 5", "expected value at line 30 column 17"],
        &["channel C0123ABCDEF is archived", "channel C99ZZZZ0 is archived"],
        &[
            "index out of bounds: the len is 3 but the index is 7",
            "index out of bounds: the len is 0 but the index is 0",
        ],
        &["cannot connect to 127.0.0.1:5432", "cannot connect to 10.0.12.7:6000"],
    ];

    #[test]
    fn what_differs_in_variable_parts_is_one_problem() {
        for messages in SAME {
            let essences: Vec<String> = messages.iter().map(|message| essence(message)).collect();
            assert!(essences.iter().all(|it| *it == essences[0]), "{essences:#?}");
        }
    }

    #[test]
    fn different_problems_stay_apart() {
        let mut prints: Vec<String> = SAME
            .iter()
            .map(|messages| fingerprint("on_deal_closed", "CODE", messages[0]))
            .collect();
        let others = [
            ("on_deal_closed", "ERP_5XX", "ERP answered 500"),
            ("on_deal_closed", "ERP_5XX", "ERP answered 503"),
            ("on_deal_created", "ERP_5XX", "ERP answered 503"),
            ("on_deal_closed", "ERP_422", "ERP answered 422: amount is missing"),
            ("on_deal_closed", "ERP_422", "ERP answered 422: currency is missing"),
            ("on_deal_closed", "STEP_TOO_LARGE", "step `slack` gave 1 bytes, more than 65536"),
            ("on_deal_closed", "STEP_TOO_LARGE", "step `erp` gave 1 bytes, more than 65536"),
            ("on_deal_closed", "SLACK_5XX", "Slack answered 503; also ERP_422: no amount"),
            ("on_deal_closed", "SLACK_5XX", "Slack answered 503; also HUBSPOT_5XX: no amount"),
            (
                "on_deal_closed",
                "HUBSPOT_NOT_CONFIGURED",
                "HUBSPOT_ACCESS_TOKEN is not set: the event waits among the dead letters",
            ),
            ("", "UNREADABLE", "no headers"),
            ("", "UNREADABLE", ""),
        ];
        prints.extend(others.map(|(target, code, message)| fingerprint(target, code, message)));
        let count = prints.len();
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }

    #[test]
    fn a_message_keeps_what_it_says() {
        for (message, expected) in [
            ("ERP answered 422: amount is missing", "ERP answered <n>: amount is missing"),
            (
                "HubSpot's answer is not what was expected (Syntax error)",
                "HubSpot's answer is not what was expected (Syntax error)",
            ),
            ("HUBSPOT_5XX: a\u{0}b\n c", "HUBSPOT_5XX: a b c"),
            ("mail jane@example.com, please", "mail <email>, please"),
            (
                "GET https://api.example.com/v3/17 failed",
                "GET https://api.example.com/<path> failed",
            ),
            ("value 'it's 7' is wrong", "value <text> is wrong"),
            ("took 5000ms of v3", "took <n>ms of v<n>"),
            (
                "Gr\u{fc}\u{df}e, \u{201e}\u{fc}\u{201c} 7",
                "Gr\u{fc}\u{df}e, \u{201e}\u{fc}\u{201c} <n>",
            ),
        ] {
            assert_eq!(essence(message), expected);
        }
        assert_eq!(status("HubSpot answered 429: slow down"), Some(429));
        assert_eq!(status("error (status: 503)"), Some(503));
        assert_eq!(status("HTTP 200 answered me"), Some(200));
        assert_eq!(status("answered 42000 questions, status unknown"), None);
        assert_eq!(step("step `slack` gave"), Some("slack"));
    }

    #[test]
    fn hostile_text_ends_as_well() {
        for text in
            ["\"", "'''''", "://", "a://", "@", "@.", "`\u{0}", "\u{202e}7", "/?#", "é@é.é", "é/7"]
        {
            let _ = fingerprint(text, text, &text.repeat(400));
        }
        assert!(essence(&"x7 ".repeat(10_000)).chars().count() <= MAX_CHARS);
    }
}
