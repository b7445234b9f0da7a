//! What a server says that cannot be worked with, and what that means for whoever set it up
//! (redis.io/docs/latest/develop/reference/protocol-spec, and the sources of Redis 7).

use std::collections::HashMap;

use deadpool_redis::redis::{FromRedisValue as _, RedisError, Value};

const CLUSTER: &str =
    "REDIS_URL leads to a node of a Redis Cluster: Hubline needs one primary that has all keys";
const REPLICA: &str = "REDIS_URL leads to a replica: it must lead to the primary";
const SENTINEL: &str =
    "REDIS_URL leads to what is no Redis, or to a sentinel: it must lead to the primary";
/// What is not allowed within a script: Redis 7.0 calls it an error like any other, and Redis 7.2 by this name.
const WITHIN_SCRIPTS: [&str; 2] = ["The user executing the script", "ACL failure in script"];
const RIGHTS: &str = "the user of REDIS_URL lacks a right on Redis: it needs the commands and keys that \
    compose/redis/users.acl names";

/// Why a server is of no use. Errors of other kinds are one call's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Tried again with a new connection, until one has taken the sign of life: scripts that are gone
    /// (a restart) come back with it, and a primary that became a replica is left for the one that the
    /// address leads to now.
    ForNow,
    /// The user may not do it. The sign of life needs fewer rights, so the call itself is tried again.
    NotAllowed,
    /// Redis Cluster, which shares out the keys among its nodes.
    ForGood,
}

impl Refusal {
    pub(super) fn of(error: &RedisError) -> Option<Self> {
        let text = error.to_string();
        if WITHIN_SCRIPTS.iter().any(|words| text.contains(words)) {
            return Some(Self::NotAllowed);
        }
        match error.code()? {
            "NOPERM" => Some(Self::NotAllowed),
            // Scripts gone, a replica, loading; out of memory, disk full, too few replicas, no primary.
            "NOSCRIPT" | "READONLY" | "LOADING" | "OOM" | "MISCONF" | "NOREPLICAS"
            | "MASTERDOWN" => Some(Self::ForNow),
            "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" | "CLUSTERDOWN" => Some(Self::ForGood),
            _ => None,
        }
    }
}

/// What the server said, and what is to be done about it where that is known.
pub(super) fn said(error: &RedisError) -> String {
    let advice = match error.code() {
        _ if Refusal::of(error) == Some(Refusal::ForGood) => CLUSTER,
        _ if Refusal::of(error) == Some(Refusal::NotAllowed) => RIGHTS,
        Some("READONLY") => REPLICA,
        _ if error.to_string().contains("unknown command") => SENTINEL,
        _ => return error.to_string(),
    };
    format!("{advice} ({}: {error})", error.code().unwrap_or("ERR"))
}

/// Why a server is none for Hubline, as far as it says so itself: `answer` is the one to `HELLO`, a list
/// of names and values or a map.
pub(super) fn unfit(answer: Value) -> Option<&'static str> {
    let facts: HashMap<String, Value> = HashMap::from_redis_value(answer).ok()?;
    let fact = |name: &str| String::from_redis_value_ref(facts.get(name)?).ok();
    match (fact("mode").as_deref(), fact("role").as_deref()) {
        (Some("cluster"), _) => Some(CLUSTER),
        (Some("sentinel"), _) => Some(SENTINEL),
        (_, Some("replica" | "slave")) => Some(REPLICA),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn error(line: &str) -> RedisError {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn a_cluster_a_replica_and_a_sentinel_are_called_by_name() {
        for (line, word, refusal) in [
            ("MOVED 866 10.0.0.7:6379", "Redis Cluster", Some(Refusal::ForGood)),
            ("CLUSTERDOWN Hash slot not served", "Redis Cluster", Some(Refusal::ForGood)),
            ("CROSSSLOT Keys in request don't hash", "Redis Cluster", Some(Refusal::ForGood)),
            ("READONLY You can't write against", "a replica", Some(Refusal::ForNow)),
            ("ERR unknown command 'SET', with args", "a sentinel", None),
        ] {
            let error = error(line);
            assert!(said(&error).contains(word), "{}", said(&error));
            let code = line.split(' ').next().unwrap();
            assert!(said(&error).contains(code), "{}", said(&error));
            assert_eq!(Refusal::of(&error), refusal, "{line}");
        }
    }

    #[test]
    fn a_right_that_is_missing_is_a_refusal_also_within_a_script() {
        for line in [
            "NOPERM this user has no permissions to run the 'set' command",
            "ERR The user executing the script can't run this command or subcommand script: 8287, on \
             @user_script:1.",
            "ERR The user executing the script can't access at least one of the keys mentioned in the \
             command arguments script: b085, on @user_script:1.",
            "ERR ACL failure in script: User hubline has no permissions to run the 'zscore' command \
             script: 8287, on @user_script:1.",
            "NOPERM ACL failure in script: User hubline has no permissions to run the 'zscore' command",
        ] {
            let error = error(line);
            assert_eq!(Refusal::of(&error), Some(Refusal::NotAllowed), "{line}");
            let said = said(&error);
            assert!(said.contains("compose/redis/users.acl"), "{said}");
            assert!(said.contains(line.split_once(' ').unwrap().1), "{said}");
        }
    }

    /// What Redis 7 answers to `HELLO`, by RESP2 or RESP3.
    fn hello(list: &str, mode: &str, role: &str) -> Value {
        let text = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let words = ["server", "redis", "version", "7.0.15", "mode", mode, "role", role];
        let words: String = words.map(text).concat();
        let answer = format!("{list}\r\n{words}{}:2\r\n{}*0\r\n", text("proto"), text("modules"));
        parse_redis_value(answer.as_bytes()).unwrap()
    }

    #[test]
    fn a_server_says_itself_what_it_is() {
        for list in ["*12", "%6"] {
            assert_eq!(unfit(hello(list, "standalone", "master")), None);
            assert_eq!(unfit(hello(list, "cluster", "master")), Some(CLUSTER));
            assert_eq!(unfit(hello(list, "cluster", "replica")), Some(CLUSTER));
            assert_eq!(unfit(hello(list, "standalone", "replica")), Some(REPLICA));
            assert_eq!(unfit(hello(list, "sentinel", "master")), Some(SENTINEL));
        }
        // Whoever says nothing of it is judged by what it does.
        assert_eq!(unfit(Value::Okay), None);
        assert_eq!(unfit(Value::Array(Vec::new())), None);
    }

    #[test]
    fn what_is_one_calls_own_is_said_as_it_stands() {
        let error = error("WRONGTYPE Operation against a key");
        assert_eq!((Refusal::of(&error), said(&error)), (None, error.to_string()));
    }
}
