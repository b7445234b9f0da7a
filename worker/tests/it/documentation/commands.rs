//! Every command of ours that the pages show is one that the programs take: subcommands, flags and
//! the variables in front of it are theirs. What stands in a fence, to be copied, is taken whole.

use std::collections::BTreeSet;

use super::pages::{pages, read, shown};
use found::{ours, written};
use programs::Programs;

mod found;
mod programs;

/// There are some 115, of which 45 stand in fences: far fewer mean that they are not found any more.
const LEAST: usize = 90;
const LEAST_IN_FENCES: usize = 38;

#[test]
fn every_command_on_the_pages_is_one_that_the_programs_take() {
    let programs = Programs::new();
    let mut wrong = Vec::new();
    let (mut all, mut in_fences) = (0, 0);
    let mut seen = BTreeSet::new();
    // What has changed is no longer what it was.
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for written in written(&read(&page)) {
            for ours in ours(&written.text) {
                all += 1;
                in_fences += usize::from(written.is_in_fence);
                seen.extend(ours.words.first().cloned());
                if let Some(why) = programs.complaint(&ours, written.is_in_fence) {
                    wrong.push(format!("{}:{}: {why}", shown(&page), written.line));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "commands that the programs do not take: {wrong:#?}");
    assert!(all >= LEAST, "only {all} commands were found");
    assert!(in_fences >= LEAST_IN_FENCES, "only {in_fences} commands were found in fences");
    for name in programs.visible() {
        assert!(seen.contains(name), "no page shows `worker {name}`");
    }
}

#[test]
fn a_command_is_found_in_whatever_form_it_is_written() {
    let page = "\
Say `worker
events --since 1h`, not ``a `worker` here``, and `… send - --portal 7`: `worker stopped`.
Then `retry --all` or `retry`.

```sh
sudo -u hubline worker healthcheck          # `worker nonsense`
echo '[{\"a\": \"; worker no\"}]' |
  A_FILE=/run/a worker send \\
    --url http://one - >answer && receiver
docker compose run --rm -T send <one.json
docker compose run --rm --entrypoint /usr/local/bin/worker send send -
docker compose exec -T console worker run | sort
kubectl -n hubline exec deploy/one -- worker replay
cargo run --release -p worker -- standalone
```
```ini
ExecStart=/usr/local/bin/worker console
```
```
worker prints this
```
";
    let mut found = BTreeSet::new();
    for written in written(page) {
        let all = ours(&written.text);
        found.extend(all.iter().map(|ours| format!("{} {}", written.line, ours.line())));
    }
    let expected = [
        "1 worker events --since 1h",
        "2 worker send - --portal 7",
        "3 worker dead-letters retry --all",
        "6 worker healthcheck",
        "7 A_FILE worker send --url http://one -",
        "7 receiver",
        "10 worker send -",
        "11 worker send -",
        "12 worker run",
        "13 worker replay",
        "14 worker standalone",
        "17 worker console",
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[test]
fn what_the_programs_do_not_take_is_complained_about() {
    let programs = Programs::new();
    let complaint = |text: &str, is_whole: bool| {
        let all = ours(text);
        assert_eq!(all.len(), 1, "{text}");
        programs.complaint(&all[0], is_whole)
    };
    for text in [
        "worker --version",
        "receiver --public-url https://one",
        "worker dlq list --problem 5ac1b1f0c1d2e3f4",
        "worker dead-letters jobs pause 3",
        "HUBSPOT_CLIENT_SECRET_FILE=/run/one worker send one.json",
    ] {
        assert_eq!(complaint(text, true), None, "{text}");
    }
    // Only named, or with a word that stands for many.
    for text in ["worker migrate", "worker dead-letters …", "worker events --event ALIAS"] {
        assert_eq!(complaint(text, false), None, "{text}");
    }
    for (text, part) in [
        ("worker nonsense", "`nonsense`"),
        ("receiver run", "`run`"),
        ("worker dead-letters shows 17", "`shows`"),
        ("worker events --since 1h --nonsense", "`--nonsense`"),
        ("NONSENSE=1 worker run", "`NONSENSE`"),
    ] {
        let complaint = complaint(text, false);
        assert!(complaint.as_ref().is_some_and(|why| why.contains(part)), "{text}: {complaint:?}");
    }
    for text in ["worker migrate", "worker events --limit many", "worker dead-letters jobs stop"] {
        assert!(complaint(text, true).is_some(), "{text}");
    }
}
