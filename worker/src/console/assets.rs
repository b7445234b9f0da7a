//! The one style and the one script: part of the program, under an address that changes with
//! them, so that browsers may keep them for good.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A file that is served as it is.
pub(super) struct Asset {
    name: &'static str,
    extension: &'static str,
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
    path: OnceLock<String>,
}

pub(super) static STYLE: Asset = Asset {
    name: "console",
    extension: "css",
    content_type: "text/css; charset=utf-8",
    text: include_str!("../../templates/static/console.css"),
    path: OnceLock::new(),
};

pub(super) static SCRIPT: Asset = Asset {
    name: "console",
    extension: "js",
    content_type: "text/javascript; charset=utf-8",
    text: include_str!("../../templates/static/console.js"),
    path: OnceLock::new(),
};

impl Asset {
    /// Its address, with its content's digest.
    pub(super) fn path(&self) -> &str {
        self.path.get_or_init(|| {
            let digest = Sha256::digest(self.text);
            let start = URL_SAFE_NO_PAD.encode(&digest[..9]);
            format!("/static/{}.{start}.{}", self.name, self.extension)
        })
    }
}
