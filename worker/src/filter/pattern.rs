//! A regular expression that anybody may have written: it costs little, whatever it is and looks at.
//!
//! The crate takes time in proportion to the compiled size and the text, and memory in proportion to that size
//! and the groups. All three are bounded here. Refuses what is larger.

use regex_lite::{Regex, RegexBuilder};

const MAX_BYTES: usize = 512;
/// The sizes that are told apart, in bytes; the last is the largest that is taken.
const COMPILED_BYTES: [u32; 6] = [1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10];
const MAX_GROUPS: usize = 16;
const MAX_TEXT_BYTES: usize = 4 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// No larger than this, compiled.
    size: u32,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("a pattern longer than {MAX_BYTES} bytes"));
        }
        let compile = |size: u32| RegexBuilder::new(text).size_limit(size as usize).build();
        let [smaller @ .., largest] = COMPILED_BYTES;
        let smaller = smaller.into_iter().find_map(|size| Some((compile(size).ok()?, size)));
        let (regex, size) = match smaller {
            Some(built) => built,
            None => (compile(largest).map_err(|error| error.to_string())?, largest),
        };
        // One of them is the whole match.
        if regex.captures_len() > MAX_GROUPS + 1 {
            return Err(format!("more than {MAX_GROUPS} groups: (?:…) is none"));
        }
        Ok(Self { regex, size })
    }

    /// It is no larger than this, compiled, in bytes.
    pub(crate) fn size(&self) -> u64 {
        u64::from(self.size)
    }

    /// What it costs at the most to look at a text of so many bytes, in bytes of text times bytes compiled.
    pub(crate) fn cost(&self, text: usize) -> u64 {
        if text > MAX_TEXT_BYTES { 0 } else { text as u64 * u64::from(self.size) }
    }

    /// The most that it can cost.
    pub(crate) fn most(&self) -> u64 {
        self.cost(MAX_TEXT_BYTES)
    }

    /// Longer text is not looked at, as its beginning alone would tell something else.
    pub(crate) fn matches(&self, text: &str) -> bool {
        text.len() <= MAX_TEXT_BYTES && self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_found_anywhere_in_the_text() {
        let pattern = Pattern::parse(r"^deal\.(creation|deletion)$").unwrap();
        assert!(pattern.matches("deal.creation"));
        assert!(!pattern.matches("deal.creations"));
        assert!(Pattern::parse("é+").unwrap().matches("caféé!"));
        assert_eq!(pattern, pattern.clone());
        assert_ne!(pattern, Pattern::parse("deal").unwrap());
    }

    #[test]
    fn a_pattern_that_would_be_large_is_refused() {
        for (pattern, reason) in [
            ("a".repeat(513), "longer than 512 bytes"),
            ("a{1000}{1000}".to_owned(), "size limit"),
            ("(?:){4294967295}".to_owned(), "size limit"),
            ("(?:a{0}){4294967295}".to_owned(), "size limit"),
            ("(?:a?){0,4294967295}".to_owned(), "size limit"),
            (r"(?:\w{9}){9}{9}{9}".to_owned(), "size limit"),
            ("()".repeat(17), "more than 16 groups"),
            (format!("{}a{}", "(?:".repeat(60), ")".repeat(60)), "nest"),
            (format!("a{}", "+".repeat(60)), "nest"),
            (r"(a)\1".to_owned(), "backreferences"),
            ("(?=a)".to_owned(), "look"),
            ("(".to_owned(), ""),
        ] {
            let refused = Pattern::parse(&pattern).unwrap_err();
            assert!(refused.contains(reason), "{pattern}: {refused}");
        }
        assert!(Pattern::parse(&"a".repeat(512)).is_ok());
        assert!(Pattern::parse(&"(a)".repeat(16)).is_ok());
        assert!(Pattern::parse(r"^[\w.+-]+@[\w.-]+\.[a-z]{2,63}$").is_ok());
    }

    #[test]
    fn a_pattern_costs_by_its_size_and_the_text() {
        let cost = |pattern: &str, text| Pattern::parse(pattern).unwrap().cost(text);
        assert_eq!(cost("a", 10), 10 << 10);
        let hostile = "(?:a?){60}(?:a|aa|aaa){30}!N$";
        assert!(cost(hostile, 100) >= 100 * (8 << 10), "{}", cost(hostile, 100));
        assert_eq!(cost(hostile, MAX_TEXT_BYTES + 1), 0, "it is not looked at");
        assert_eq!(Pattern::parse("a").unwrap().most(), (MAX_TEXT_BYTES as u64) << 10);
    }

    #[test]
    fn text_is_looked_at_up_to_a_length() {
        // Where an engine goes back, these take longer than the universe has.
        for hostile in
            ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$"]
        {
            let pattern = Pattern::parse(hostile).unwrap();
            assert!(!pattern.matches(&format!("{}!", "a".repeat(MAX_TEXT_BYTES - 1))), "{hostile}");
        }
        let pattern = Pattern::parse("a").unwrap();
        assert!(pattern.matches(&"a".repeat(MAX_TEXT_BYTES)));
        assert!(!pattern.matches(&"a".repeat(MAX_TEXT_BYTES + 1)));
    }
}
