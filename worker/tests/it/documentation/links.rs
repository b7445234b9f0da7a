//! Every link between the pages leads to a file and a heading that are there, and so does every
//! page that programs, manifests and scripts name. Links to other sites are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex_lite::Regex;

use super::pages::{files, pages, read, root, shown, without_code};

/// What may name a page; the rest of the repository is pictures and what is built.
const SOURCES: [&str; 8] =
    ["receiver", "worker", "shared", "k8s", "compose", "scripts", "compose.yaml", "Dockerfile"];

#[test]
fn every_link_between_the_pages_leads_to_a_file_and_a_heading_that_are_there() {
    let mut dead = BTreeSet::new();
    for page in pages() {
        let text = without_code(&read(&page));
        for target in links(&text) {
            if !leads_somewhere(page.parent().unwrap(), &page, &target) {
                dead.insert(format!("{}: {target}", shown(&page)));
            }
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere: {dead:#?}");
}

#[test]
fn every_page_that_programs_and_manifests_name_is_there_with_its_heading() {
    let named = Regex::new(r"docs/[a-z-]+\.md(#[a-z0-9-]+)?").unwrap();
    // By what is named, or each of a hundred tests of alerts would read the runbook again.
    let mut pages = BTreeMap::new();
    for file in SOURCES.iter().flat_map(|source| files(&root().join(source))) {
        // Pictures, and fixtures that are no text, name no page.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let targets = named.find_iter(&text).map(|target| target.as_str().to_owned());
        pages.extend(targets.map(|target| (target, shown(&file))));
    }
    assert!(!pages.is_empty(), "nothing names a page: is this still looking in the right places?");
    pages.retain(|target, _| !leads_somewhere(&root(), &root(), target));
    assert!(pages.is_empty(), "pages that are named and not there: {pages:#?}");
}

/// Every page is found by somebody who begins at the README.
#[test]
fn every_page_is_reached_from_the_readme() {
    let (readme, all) = (root().join("README.md"), pages());
    let mut reached = BTreeSet::from([readme.clone()]);
    let mut to_read = vec![readme];
    while let Some(page) = to_read.pop() {
        for target in links(&without_code(&read(&page))) {
            let path = target.split('#').next().unwrap();
            let Ok(next) = page.parent().unwrap().join(path).canonicalize() else { continue };
            if all.contains(&next) && reached.insert(next.clone()) {
                to_read.push(next);
            }
        }
    }
    let missed: Vec<String> = all.difference(&reached).map(|page| shown(page)).collect();
    assert!(missed.is_empty(), "no link leads to {missed:?}");
}

#[test]
fn headings_have_the_anchors_that_github_gives_them() {
    let page = "# A `code`, and: more\n```sh\n# a comment\n```\n## Twice\n## Twice\n";
    let expected = ["a-code-and-more", "twice", "twice-1"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
}

/// What a page links to and shows, but for other sites.
fn links(text: &str) -> BTreeSet<String> {
    let link = Regex::new(r#"\]\(([^)\s]+)\)|(?:href|src|srcset)="([^"]+)""#).unwrap();
    let targets = link.captures_iter(text).filter_map(|found| found.get(1).or(found.get(2)));
    targets.map(|target| target.as_str().to_owned()).filter(|it| !it.contains("://")).collect()
}

fn leads_somewhere(folder: &Path, page: &Path, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_owned() } else { folder.join(path) };
    file.exists() && (anchor.is_empty() || anchors(&read(&file)).contains(anchor))
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in without_code(text).lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    anchors
}
