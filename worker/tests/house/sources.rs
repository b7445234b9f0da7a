//! A crate's files as words, by the module each holds.
//!
//! Owns as much of the language as is needed to tell words from texts and comments, what is in brackets,
//! and what is there for tests alone.

use std::collections::BTreeMap;
use std::fs;
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

/// What a file is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    Word(String),
    Point(char),
    /// What is in brackets, by the one that opens.
    Group(char, Vec<Tree>),
}

impl Tree {
    pub(crate) fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(crate) fn is_point(&self, point: char) -> bool {
        matches!(self, Self::Point(here) if *here == point)
    }
}

/// The modules of one crate that have a file, by path: `records::jobs`; the root is empty.
pub(crate) struct Crate(pub(crate) BTreeMap<String, Vec<Tree>>);

impl Crate {
    /// Reads `lib.rs` in `folder` and every module from there on that is not for tests alone.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        take_in(folder, "", &folder.join("lib.rs"), &mut modules);
        assert!(modules.len() > 10, "only {} modules in {}", modules.len(), folder.display());
        Self(modules)
    }

    /// A crate that is given as text.
    pub(crate) fn of<const N: usize>(modules: [(&str, &str); N]) -> Self {
        Self(modules.map(|(name, text)| (name.to_owned(), trees(text))).into())
    }
}

fn take_in(folder: &Path, module: &str, path: &Path, modules: &mut BTreeMap<String, Vec<Tree>>) {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let trees = trees(&text);
    let own = path.with_extension("");
    let own = if module.is_empty() { folder } else { &own };
    for child in trees.windows(3) {
        if let [Tree::Word(word), Tree::Word(name), Tree::Point(';')] = child
            && word == "mod"
        {
            take_in(folder, &join(module, name), &own.join(format!("{name}.rs")), modules);
        }
    }
    modules.insert(module.to_owned(), trees);
}

/// `records` and `jobs` as `records::jobs`.
pub(crate) fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// A file's text, without comments, texts, numbers, and what is for tests.
pub(crate) fn trees(text: &str) -> Vec<Tree> {
    without_tests(group(&mut text.chars().peekable()))
}

/// All up to the bracket that closes, or to the end.
fn group(chars: &mut Peekable<Chars<'_>>) -> Vec<Tree> {
    let mut trees = Vec::new();
    while let Some(char) = chars.next() {
        match char {
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            '/' if chars.peek() == Some(&'*') => skip_comment(chars),
            '"' => skip_text(chars),
            '\'' => skip_char(chars),
            '(' | '[' | '{' => trees.push(Tree::Group(char, group(chars))),
            ')' | ']' | '}' => return trees,
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                match (word.as_str(), chars.peek()) {
                    ("r" | "br" | "cr", Some('"' | '#')) => skip_raw(chars),
                    // A text of bytes begins with the quotes that follow.
                    ("b" | "c", Some('"' | '\'')) => {}
                    _ if word.starts_with(|c: char| c.is_ascii_digit()) => {}
                    _ => trees.push(Tree::Word(word)),
                }
            }
            c if c.is_whitespace() => {}
            c => trees.push(Tree::Point(c)),
        }
    }
    trees
}

fn skip_comment(chars: &mut Peekable<Chars<'_>>) {
    let (mut depth, mut before) = (1, ' ');
    chars.next();
    for char in chars.by_ref() {
        match (before, char) {
            ('*', '/') => depth -= 1,
            ('/', '*') => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
        before = char;
    }
}

fn skip_text(chars: &mut Peekable<Chars<'_>>) {
    while let Some(char) = chars.next() {
        match char {
            '\\' => drop(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// `r#"…"#`, or a word that is written `r#type`.
fn skip_raw(chars: &mut Peekable<Chars<'_>>) {
    let mut fences = 0;
    while chars.next_if_eq(&'#').is_some() {
        fences += 1;
    }
    if chars.next_if_eq(&'"').is_none() {
        return;
    }
    while let Some(char) = chars.next() {
        if char == '"' {
            let mut closed = 0;
            while closed < fences && chars.next_if_eq(&'#').is_some() {
                closed += 1;
            }
            if closed == fences {
                return;
            }
        }
    }
}

/// A character, or the name of a lifetime.
fn skip_char(chars: &mut Peekable<Chars<'_>>) {
    match chars.next() {
        Some('\\') => {
            chars.next();
            while chars.next().is_some_and(|c| c != '\'') {}
        }
        Some(_) if chars.next_if_eq(&'\'').is_none() => {
            while chars.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
        }
        _ => {}
    }
}

/// Leaves out each item under `#[cfg(test)]`, up to its body's end or its semicolon.
fn without_tests(trees: Vec<Tree>) -> Vec<Tree> {
    let test = Tree::Group(
        '[',
        vec![Tree::Word("cfg".into()), Tree::Group('(', vec![Tree::Word("test".into())])],
    );
    let mut kept = Vec::new();
    let mut trees = trees.into_iter();
    while let Some(tree) = trees.next() {
        match tree {
            Tree::Group(bracket, inner) => {
                let is_test =
                    bracket == '[' && kept.last().is_some_and(|last: &Tree| last.is_point('#'));
                let group = Tree::Group(bracket, inner);
                if is_test && group == test {
                    kept.pop();
                    let ends = |tree: &Tree| matches!(tree, Tree::Group('{', _) | Tree::Point(';'));
                    trees.find(ends);
                    continue;
                }
                if let Tree::Group(bracket, inner) = group {
                    kept.push(Tree::Group(bracket, without_tests(inner)));
                }
            }
            other => kept.push(other),
        }
    }
    kept
}
