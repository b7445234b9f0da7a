//! What a message says without what differs from event to event: ids, numbers, addresses, quotations.

/// What is looked at of a message without its variable parts, in characters: what is behind was
/// perhaps cut off.
pub(super) const MAX_CHARS: usize = 300;

/// The message with a sign in place of each variable part.
pub(super) fn essence(message: &str) -> String {
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
