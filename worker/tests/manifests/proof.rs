//! How checks are run, and how it is proven that they can fail.

use serde_json::Value;

use super::installation::{self, Installation};

/// What is wrong, one line each.
pub(crate) type Complaints = Vec<String>;

/// A check has nothing to complain of, wherever it looks.
pub(crate) fn holds(check: fn(&Installation) -> Complaints) {
    for installation in installation::all() {
        let complaints = check(&installation);
        assert!(complaints.is_empty(), "{}:\n{}", installation.name, complaints.join("\n"));
    }
}

/// A check complains, in words with `why`, once one value is another. Null takes a field away.
pub(crate) fn notices(
    check: fn(&Installation) -> Complaints,
    overlay: &str,
    changes: impl IntoIterator<Item = (&'static str, &'static str, Value, &'static str)>,
) {
    let installation = Installation::read(overlay);
    for (id, pointer, value, why) in changes {
        complains(check, &installation.with(id, pointer, value), why);
    }
}

pub(crate) fn complains(check: fn(&Installation) -> Complaints, changed: &Installation, why: &str) {
    let complaints = check(changed);
    assert!(
        complaints.iter().any(|complaint| complaint.contains(why)),
        "nobody complained of {why}, only of {complaints:?}"
    );
}
