//! The versions of what outlives a process: messages in queues, and the data file. Each is raised with
//! every change of what is written.
//!
//! What is written stands in `shared/formats`, a file for each version, and tests hold the code
//! against it. Nothing has been released, so that no code reads what earlier builds wrote: it is
//! refused, and said how it is drained. From the first release on each version that was released
//! stays readable.

/// Of a message on RabbitMQ: its properties and headers.
pub(crate) const MESSAGE: i64 = 3;
/// Of the data file: its tables, and what stands in them.
pub(crate) const DATA_FILE: i64 = 7;

/// Why a message with a lower version is not read.
pub(crate) const EARLIER_MESSAGE: &str = "an earlier build of Hubline wrote it: let that build's workers empty its queues, and its console its dead letters, before these start";
/// Why a message with a higher version is not read.
pub(crate) const NEWER_MESSAGE: &str =
    "a newer version of Hubline wrote it: start the workers of that version";

/// Fails, and shows what should stand there, unless `shared/formats` has `written` as `version` of the
/// format `name`.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_is_kept(name: &str, version: i64, written: &str) {
    let file = format!("{name}.v{version}.txt");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("formats").join(&file);
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == written,
        "what is written has changed: raise the version in shared/src/format.rs, and put this into \
         shared/formats/{file}, under its new number\n-----\n{written}-----\n"
    );
}
