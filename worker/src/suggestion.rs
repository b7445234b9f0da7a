//! Which known word a wrong one was meant to be.

/// The nearest of `known`, if one is near.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = word.to_ascii_lowercase();
    // Every third letter may be wrong.
    let furthest = (word.len() / 3).clamp(1, 4);
    let near = known.into_iter().filter(|name| name.len().abs_diff(word.len()) <= furthest);
    let (_, nearest) = near
        .map(|name| (strsim::osa_distance(&lower, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)?;
    Some(nearest)
}

/// `: did you mean "…"?` with the nearest of `known`, if one is near.
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    nearest(word, known).map(|nearest| format!(": did you mean \"{nearest}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["origin", "state", "rate", "POST", "acme-crm"];
        for (word, nearest) in [
            ("orgin", "origin"),
            ("stat", "state"),
            ("rtae", "rate"),
            ("post", "POST"),
            ("acme-crn", "acme-crm"),
        ] {
            assert_eq!(did_you_mean(word, known), Some(format!(": did you mean \"{nearest}\"?")));
        }
        for word in ["", "x", "concurrency", &"a".repeat(1_000_000)] {
            assert_eq!(did_you_mean(word, known), None);
        }
    }
}
