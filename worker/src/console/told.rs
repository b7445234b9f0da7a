//! Whether what an address says was done was done just now, for whoever looks at it: an address can
//! be sent to anybody, kept and loaded again, and anybody can write one.
//!
//! The answer that does something leads to a page that tells of it, and leaves the browser a token
//! for that address, which is good for one look.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

const NAME: &str = "hubline_done";
/// How long a browser may take to get there, in seconds.
const SECONDS: u32 = 60;

/// Put into a request that may tell what was done.
pub(super) struct Told;

/// Whether an address says that something was done.
pub(super) fn tells(path: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair.starts_with("done="))
}

/// Whether the browser was led here by what it has done.
pub(super) fn is_true(request: &HttpRequest) -> bool {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let token = token(path);
    let cookies = request.headers().get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
    tells(path)
        && cookies.any(|cookie| cookie.trim().split_once('=') == Some((NAME, token.as_str())))
}

/// What the browser keeps until it is there.
pub(super) fn keep(path: &str) -> String {
    format!("{NAME}={}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Strict", token(path))
}

/// Has the browser forget it.
pub(super) fn forget() -> String {
    format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}

fn token(path: &str) -> String {
    hex(&Sha256::digest(path))
}
