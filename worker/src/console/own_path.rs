//! Where somebody wanted to go, as far as that is a page of this console: what stands in an address
//! may have been put there by anybody.

/// The path if it is one of this console and no other's; else its first page.
pub(super) fn own_path(path: &str) -> &str {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    let is_own = path.starts_with('/') && !path.starts_with("//") && path.chars().all(is_plain);
    // Signing in leads to no page for signing in.
    let is_elsewhere = path.starts_with("/login") || path.starts_with("/logout");
    if is_own && !is_elsewhere { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_led_elsewhere() {
        let path = "/letters?code=A%20B&x=/y";
        assert_eq!(own_path(path), path);
        for wrong in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:x",
            "/a\r\nset-cookie: x=y",
            "/a\u{202e}",
            "/login",
            "/logout",
        ] {
            assert_eq!(own_path(wrong), "/", "{wrong}");
        }
    }
}
