//! `/static/{file}`: for everybody, since the page to sign in on needs them.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use super::super::assets::{SCRIPT, STYLE};
use super::super::fault::Fault;

/// The file, if it is the one that the program has now.
pub(in crate::console) async fn serve(file: web::Path<String>) -> Result<HttpResponse, Fault> {
    let path = format!("/static/{file}");
    let asset = [&STYLE, &SCRIPT].into_iter().find(|asset| asset.path() == path);
    let asset = asset.ok_or_else(|| Fault::NotFound("There is no such file.".to_owned()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.text))
}
