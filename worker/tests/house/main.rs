//! How the crates are built: modules import in one direction.
//!
//! Reads the sources as the compiler does, down to the names that each file takes from another. Two
//! things must have no circles: the files, and the crate's modules, each with all that is in its folder.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod circles;
mod imports;
mod sources;

use std::path::Path;

use circles::Graph;
use imports::arrows;
use sources::Crate;

/// The crates' folders.
const CRATES: [&str; 3] = ["shared", "receiver", "worker"];

#[test]
fn no_file_imports_one_that_imports_it() {
    let circles = circles_of(str::to_owned);
    assert!(circles.is_empty(), "circles of files:\n{circles}");
}

#[test]
fn no_module_of_a_crate_imports_one_that_imports_it() {
    let circles = circles_of(|module| module.split("::").take(1).collect());
    assert!(circles.is_empty(), "circles of modules:\n{circles}");
}

/// A check that reads nothing would find nothing.
#[test]
fn what_a_file_takes_is_seen_through_re_exports_and_in_expressions() {
    let krate = Crate::of([
        ("", "pub mod a; pub mod b; mod c;"),
        ("a", "mod inner; pub use inner::Thing; pub fn f() { crate::b::g(); }"),
        ("a::inner", "pub struct Thing;"),
        ("b", "use crate::a::Thing; pub fn g() { c_like(); } use crate::c::c_like;"),
        ("c", "pub fn c_like() { let _ = crate::a::f; }"),
    ]);
    let graph = Graph::of(arrows(&krate));
    let seen: Vec<_> = graph.arrows().map(|(from, to)| format!("{from}>{to}")).collect();
    assert_eq!(seen, ["a>b", "b>a::inner", "b>c", "c>a"]);
    assert_eq!(graph.circles(), [["a", "b", "c"]]);
}

/// The circles in all crates, in words, of what `name` calls the modules. A crate's root is its face, and
/// a program's start: it imports everything and nobody imports it.
fn circles_of(name: impl Fn(&str) -> String) -> String {
    let circles = CRATES.map(|folder| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src");
        let arrows = arrows(&Crate::read(&root)).into_iter().filter_map(|mut arrow| {
            let is_root = arrow.from.is_empty() || arrow.to.is_empty();
            (arrow.from, arrow.to) = (name(&arrow.from), name(&arrow.to));
            (!is_root && arrow.from != arrow.to).then_some(arrow)
        });
        Graph::of(arrows).told(folder)
    });
    circles.concat()
}
