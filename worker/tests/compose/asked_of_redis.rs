//! What Hubline asks of Redis, and what compose's user may: the one is the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex_lite::Regex;

use crate::file::text;

/// Asked by the pool of connections, before it gives one out again.
const ASKED_BY_THE_POOL: &str = "unwatch";

#[test]
fn the_user_on_redis_may_do_what_is_asked_and_nothing_else() {
    let mut asked = BTreeSet::from([ASKED_BY_THE_POOL.to_owned()]);
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/redis"), &mut asked);
    assert!(asked.len() > 10, "only {asked:?} found");
    let users = text("compose/redis/users.acl");
    let user = users.lines().find(|line| line.starts_with("user hubline ")).unwrap();
    let may = user.split(' ').filter_map(|word| word.strip_prefix('+'));
    // Of the commands about scripts it is one that is needed.
    let may = may.map(|command| command.replace("script|load", "script"));
    assert_eq!(may.collect::<BTreeSet<_>>(), asked);
}

/// The commands in all files of a folder, in lower case; what is for tests is in files of that name.
fn read(folder: &Path, asked: &mut BTreeSet<String>) {
    let command = Regex::new(r#"(?:redis\.call\('|cmd\(")([A-Z]+)['"]"#).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, asked);
        } else if path.file_stem().is_some_and(|name| name != "tests" && name != "course") {
            let text = fs::read_to_string(&path).unwrap();
            let found = command.captures_iter(&text).map(|found| found[1].to_lowercase());
            asked.extend(found);
        }
    }
}
