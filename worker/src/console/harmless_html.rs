//! What templates write is made harmless here, all of it, without being asked: no markup of
//! others, and no character that turns text around or hides in it.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};
use shared::harmless::steers;

/// Escapes for HTML, and writes out what steers: `\u{202e}`. Lines and tabs stay. Templates get it
/// by their extension (see `askama.toml`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HarmlessHtml;

impl Escaper for HarmlessHtml {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut rest = string;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_harmful(*c)) {
            Html.write_escaped_str(&mut dest, &rest[..at])?;
            write!(dest, "{}", c.escape_unicode())?;
            rest = &rest[at + c.len_utf8()..];
        }
        Html.write_escaped_str(dest, rest)
    }
}

fn is_harmful(c: char) -> bool {
    steers(c) && !matches!(c, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use askama::Template;

    #[derive(Template)]
    #[template(source = "<p title=\"{{ text }}\">{{ text }}</p>", ext = "html")]
    struct Page<'a> {
        text: &'a str,
    }

    #[test]
    fn nothing_that_is_shown_is_markup_or_steers() {
        let text = "<script>\"'&\u{202e}\u{0}\u{1b}[2J\u{9b}\r\u{feff}</p>\n\tä";
        let html = Page { text }.render().unwrap();
        let shown = "&#60;script&#62;&#34;&#39;&#38;\\u{202e}\\u{0}\\u{1b}[2J\\u{9b}\\u{d}\\u{feff}&#60;/p&#62;\n\tä";
        assert_eq!(html, format!("<p title=\"{shown}\">{shown}</p>"));
    }

    /// Only parts are written as they are, and those are templates too.
    #[test]
    fn no_template_says_that_something_is_safe() {
        let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut directories = vec![std::path::PathBuf::from(templates)];
        let mut count = 0;
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "html") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let marks = ["|safe", "| safe", "escape(", "|e(", "style="];
                    assert!(!marks.iter().any(|mark| text.contains(mark)), "{}", path.display());
                    count += 1;
                }
            }
        }
        assert!(count > 10, "{count}");
    }
}
