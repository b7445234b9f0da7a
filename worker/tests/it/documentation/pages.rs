//! The documentation's pages, as tests look at them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub(super) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

pub(super) fn pages() -> BTreeSet<PathBuf> {
    let mut pages = BTreeSet::from(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    let is_page = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "md");
    pages.extend(files(&root().join("docs")).into_iter().filter(is_page));
    pages
}

pub(super) fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|entry| files(&entry)).collect()
}

/// A page without what stands in fences: commands and examples have no links and no headings.
pub(super) fn without_code(text: &str) -> String {
    let mut is_code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}
