//! Where a process shows its metrics: `HOST:PORT`.

/// `host:port`, as it stands in `http://host:port/metrics`.
pub(super) fn parse_address(text: &str) -> Result<String, String> {
    let address = text.trim().trim_start_matches("http://").trim_end_matches('/');
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
    match port {
        Some((_, port)) if port.parse::<u16>().is_ok() && address.chars().all(allowed) => {
            Ok(address.to_owned())
        }
        _ => Err("write HOST:PORT, e.g. 10.0.0.7:9090".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_addresses() {
        assert_eq!(parse_address("http://10.0.0.7:9090/"), Ok("10.0.0.7:9090".to_owned()));
        assert_eq!(parse_address(" receiver:9090"), Ok("receiver:9090".to_owned()));
        for wrong in ["receiver", ":9090", "a:99999", "a b:1", "user@host:1", "h:1/x"] {
            assert!(parse_address(wrong).is_err(), "{wrong}");
        }
    }
}
