//! Scopes, as the app needs them and as a portal grants them.

/// Those of `wanted` that are not among `granted`.
pub(crate) fn missing(wanted: &[String], granted: &[String]) -> Vec<String> {
    wanted.iter().filter(|scope| !granted.contains(scope)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_granted_is_named() {
        let scopes = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let wanted = scopes("oauth crm.objects.deals.read");
        assert!(missing(&wanted, &scopes("crm.objects.deals.read extra oauth")).is_empty());
        assert_eq!(missing(&wanted, &scopes("oauth")), ["crm.objects.deals.read"]);
        assert_eq!(missing(&wanted, &[]), wanted);
    }
}
