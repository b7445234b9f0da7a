//! The URI as HubSpot signs it in version 3.
//!
//! Owns the twelve escapes that are decoded, once. Refuses every other: `%20`, `%25`, `%26`,
//! `%2B` and `%3D` stay, and so `%253A` stays too.

use std::borrow::Cow;

/// The escapes that HubSpot's documentation lists, by their two hex digits.
const ESCAPES: [(&str, char); 12] = [
    ("3A", ':'),
    ("2F", '/'),
    ("3F", '?'),
    ("40", '@'),
    ("21", '!'),
    ("24", '$'),
    ("27", '\''),
    ("28", '('),
    ("29", ')'),
    ("2A", '*'),
    ("2C", ','),
    ("3B", ';'),
];

/// The URI with the twelve escapes decoded; borrowed if it has none of them, so that a caller
/// can tell whether there are two forms to sign.
#[must_use]
pub fn decoded(uri: &str) -> Cow<'_, str> {
    let mut output = String::new();
    let mut rest = uri;
    let mut kept = 0;
    while let Some(offset) = rest[kept..].find('%') {
        let escape = kept + offset;
        let digits = rest.get(escape + 1..escape + 3);
        let known = digits
            .and_then(|digits| ESCAPES.iter().find(|(hex, _)| hex.eq_ignore_ascii_case(digits)));
        if let Some((_, character)) = known {
            output.push_str(&rest[..escape]);
            output.push(*character);
            rest = &rest[escape + 3..];
            kept = 0;
        } else {
            kept = escape + 1;
        }
    }
    if output.is_empty() {
        return Cow::Borrowed(uri);
    }
    output.push_str(rest);
    Cow::Owned(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twelve_escapes_are_decoded_in_either_case_and_no_others() {
        for byte in 0..=u8::MAX {
            let expected = match byte {
                b':' | b'/' | b'?' | b'@' | b'!' | b'$' | b'\'' | b'(' | b')' | b'*' | b','
                | b';' => Some(char::from(byte)),
                _ => None,
            };
            for escape in [format!("%{byte:02X}"), format!("%{byte:02x}")] {
                let uri = format!("https://a.example/{escape}x{escape}");
                let decoded = decoded(&uri);
                match expected {
                    Some(character) => {
                        assert_eq!(decoded, format!("https://a.example/{character}x{character}"));
                    }
                    None => {
                        assert!(matches!(decoded, Cow::Borrowed(same) if same == uri), "{escape}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_decoded_twice() {
        for uri in
            ["/?a=%253A", "/?a=%25253a", "/%", "/%3", "/%%", "/%é", "/%3é", "/%+3A", "", "/%2%"]
        {
            assert_eq!(decoded(uri), uri);
        }
        assert_eq!(decoded("%3A"), ":");
        assert_eq!(decoded("%%3A3A%3a%"), "%:3A:%");
        assert_eq!(decoded("ä%3Aé%3B"), "ä:é;");
    }
}
