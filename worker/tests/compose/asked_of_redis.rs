//! What Hubline asks of Redis, and what compose's user may: the one is the other.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use deadpool_redis::redis::Value;
use regex_lite::Regex;

use crate::file::text;
use crate::secrets::Secrets;
use crate::servers::{free, redis};

/// Asked by the pool of connections, before it gives one out again.
const ASKED_BY_THE_POOL: &str = "unwatch";
/// What a server is may be asked by everybody who has signed in: Redis asks for no right to it.
const ASKED_BY_EVERYBODY: &str = "hello";

#[test]
fn the_user_on_redis_may_do_what_is_asked_and_nothing_else() {
    let mut asked = BTreeSet::from([ASKED_BY_THE_POOL.to_owned()]);
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/redis"), &mut asked);
    assert!(asked.len() > 10, "only {asked:?} found");
    assert!(asked.remove(ASKED_BY_EVERYBODY), "{asked:?}");
    let users = text("compose/redis/users.acl");
    let user = users.lines().find(|line| line.starts_with("user hubline ")).unwrap();
    let may = user.split(' ').filter_map(|word| word.strip_prefix('+'));
    // Of the commands about scripts it is one that is needed.
    let may = may.map(|command| command.replace("script|load", "script"));
    assert_eq!(may.collect::<BTreeSet<_>>(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_may_ask_a_server_what_it_is() {
    let secrets = Secrets::made(&[]);
    let own = format!("127.{}.{}.1", rand::random_range(1..255_u8), rand::random::<u8>());
    let [address] = free::<1>(&own);
    let server = redis::start(&secrets, address);
    let url = secrets.read("worker", "redis-url").replace("redis:6379", &address.to_string());
    let client = deadpool_redis::redis::Client::open(url).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let hello = deadpool_redis::redis::cmd(&ASKED_BY_EVERYBODY.to_uppercase());
    let said: HashMap<String, Value> = hello.query_async(&mut redis).await.unwrap();
    assert_eq!(said["mode"], Value::BulkString(b"standalone".to_vec()));
    drop(server);
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
