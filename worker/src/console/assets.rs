//! The one style and the one script: part of the program, under an address that changes with
//! them, so that browsers may keep them for good.

use std::sync::OnceLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::fault::Fault;

/// A file that is served as it is.
pub(super) struct Asset {
    name: &'static str,
    extension: &'static str,
    content_type: &'static str,
    text: &'static str,
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

/// `/static/{file}`: for everybody, since the page to sign in on needs them.
pub(super) async fn serve(file: web::Path<String>) -> Result<HttpResponse, Fault> {
    let path = format!("/static/{file}");
    let asset = [&STYLE, &SCRIPT].into_iter().find(|asset| asset.path() == path);
    let asset = asset.ok_or_else(|| Fault::NotFound("There is no such file.".to_owned()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.text))
}
