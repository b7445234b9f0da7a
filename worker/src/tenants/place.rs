//! Where in a text something is: its line and column, as editors count them.

use std::iter;

/// Both from 1 on. A column is a character, whatever its bytes; a byte order mark has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A text and where its lines begin.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let others = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: iter::once(first).chain(others).collect() }
    }

    /// The place of the byte `at`.
    pub(crate) fn place(&self, at: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let end = self.text.floor_char_boundary(at).max(start);
        Place { line, column: self.text[start..end].chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_either_newline_and_columns_are_characters() {
        let text = "\u{feff}ab\r\nüßx\n";
        let lines = Lines::of(text);
        let places = ["a", "b", "ü", "ß", "x"].map(|word| {
            let Place { line, column } = lines.place(text.find(word).unwrap());
            (line, column)
        });
        assert_eq!(places, [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]);
        let [start, end] = [0, text.len() + 9].map(|at| lines.place(at));
        assert_eq!((start.line, start.column), (1, 1));
        assert_eq!((end.line, end.column), (3, 1));
    }
}
