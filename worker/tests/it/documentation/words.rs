//! The pages are read at three in the morning, by people whose first language is another one: no
//! sentence is long. What is shown as code is not counted, and a word of it counts as one.

use regex_lite::Regex;

use super::pages::{pages, read, shown, without_code};

const MOST_WORDS: usize = 35;

#[test]
fn no_sentence_of_the_pages_is_long() {
    let mut long = Vec::new();
    // What has changed is looked up, not read.
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for sentence in sentences(&read(&page)) {
            let words = words(&sentence);
            if words > MOST_WORDS {
                long.push(format!("{}: {words} words: {sentence}", shown(&page)));
            }
        }
    }
    assert!(long.is_empty(), "make two of each: {long:#?}");
}

#[test]
fn a_sentence_ends_at_a_stop_at_a_cell_and_at_an_item() {
    let page = "# Title\nOne two. Three `a b. c` four\n- five [six](x.md#y)\n\n| seven | eight |\n";
    let found: Vec<usize> = sentences(page).iter().map(|sentence| words(sentence)).collect();
    assert_eq!(found, [2, 3, 2, 1, 1]);
}

/// What is read as one: up to a full stop, or to the end of a paragraph, an item or a cell.
fn sentences(page: &str) -> Vec<String> {
    let code = Regex::new("`[^`]*`").unwrap();
    let target = Regex::new(r"\]\([^)]*\)").unwrap();
    let mut blocks = vec![String::new()];
    for line in without_code(page).lines().map(str::trim) {
        let is_new = line.is_empty() || line.starts_with(['#', '|', '<', '-', '*']);
        if is_new || line.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok()) {
            blocks.push(String::new());
        }
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with('|') {
            blocks.extend(line.split('|').map(str::to_owned));
            blocks.push(String::new());
        } else if let Some(block) = blocks.last_mut() {
            *block += line;
            block.push(' ');
        }
    }
    let plain = blocks.into_iter().map(|block| {
        let without = code.replace_all(&block, "code");
        target.replace_all(&without, "]").into_owned()
    });
    let stop = Regex::new(r"[.!?][*)]*\s").unwrap();
    let all: Vec<String> = plain
        .flat_map(|block| stop.split(&block).map(|it| it.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    all.into_iter().filter(|sentence| words(sentence) > 0).collect()
}

fn words(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}
