//! `/letters/export`: all letters that match, with their events, as a file. However many they are,
//! memory holds a few.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::super::fault::Fault;
use super::super::selection::Selection;
use super::super::visit::{Answer, Visit};
use super::messages::selected;
use crate::records::Aliases;
use crate::records::dead_letters::{Export, ExportFormat, Exported};
use crate::records::redaction::Redaction;

type Chunk = Result<Bytes, std::io::Error>;

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let (format, content_type, name) = match visit.query.get("format") {
        Some("csv") => (ExportFormat::Csv, "text/csv; charset=utf-8", "letters.csv"),
        None | Some("jsonl") => {
            (ExportFormat::JsonLines, "application/jsonl; charset=utf-8", "letters.jsonl")
        }
        Some(_) => return Err(Fault::Wrong("Format: write jsonl or csv.".to_owned())),
    };
    let Selection { filter, mistakes } = selected(&visit.query, &visit.person.reach);
    if !mistakes.is_empty() {
        return Err(Fault::Wrong(mistakes.join(" ")));
    }
    let view = visit.view();
    // What cannot be begun is told; what breaks off later can only break off.
    let begun = visit.ask(async move {
        let (aliases, redaction) = (view.aliases().await?, view.redaction().clone());
        let mut export = view.export(&filter).await?;
        let first = export.next().await?;
        Ok((export, first, Spelling { format, redaction, aliases }))
    });
    let (export, first, spelling) = begun.await?;
    let (chunks, receiver) = mpsc::channel(2);
    let writing = visit.app.begin(write(export, first, spelling, chunks));
    let body = body(receiver, AbortOnDropHandle::new(writing));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(Box::pin(body)))
}

/// What is written, up to its end. Where the writing was ended before, as at the program's own end, it
/// breaks off: a file that is not whole must not look like one.
fn body(
    receiver: mpsc::Receiver<Chunk>,
    writing: AbortOnDropHandle<()>,
) -> impl Stream<Item = Chunk> {
    stream::unfold(Some((receiver, writing)), async |state| {
        let (mut receiver, writing) = state?;
        if let Some(chunk) = receiver.recv().await {
            return Some((chunk, Some((receiver, writing))));
        }
        let broken = writing.await.err()?;
        Some((Err(std::io::Error::other(broken)), None))
    })
}

/// How letters are written, and what of them is not.
struct Spelling {
    format: ExportFormat,
    redaction: Redaction,
    aliases: Aliases,
}

impl Spelling {
    fn line(&self, exported: &Exported) -> anyhow::Result<String> {
        let event = exported.body.as_deref().map(|body| self.redaction.of(body));
        self.format.line(&exported.letter, event.as_ref(), &self.aliases)
    }
}

/// Writes until the end, or until nobody reads any more.
async fn write(
    mut export: Export,
    mut batch: Vec<Exported>,
    spelling: Spelling,
    chunks: mpsc::Sender<Chunk>,
) {
    let mut text = spelling.format.head();
    loop {
        let is_last = batch.is_empty();
        let written = batch.iter().try_for_each(|exported| {
            text.push_str(&spelling.line(exported)?);
            anyhow::Ok(())
        });
        let chunk = match written {
            Ok(()) => Ok(Bytes::from(std::mem::take(&mut text))),
            Err(error) => Err(std::io::Error::other(error)),
        };
        let is_broken = chunk.is_err();
        if chunks.send(chunk).await.is_err() || is_last || is_broken {
            return;
        }
        batch = match export.next().await {
            Ok(batch) => batch,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "an export of the console broke off");
                let _ = chunks.send(Err(std::io::Error::other("broken off"))).await;
                return;
            }
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_cut_off_does_not_look_whole() {
        for is_cut_off in [false, true] {
            let (chunks, receiver) = mpsc::channel(2);
            let writing = tokio::spawn(async move {
                chunks.send(Ok(Bytes::from_static(b"one"))).await.unwrap();
                if is_cut_off {
                    std::future::pending::<()>().await;
                }
            });
            let abort = writing.abort_handle();
            let body = body(receiver, AbortOnDropHandle::new(writing)).fuse();
            let mut body = Box::pin(body);
            assert_eq!(body.next().await.unwrap().unwrap(), "one");
            if is_cut_off {
                abort.abort();
            }
            assert_eq!(body.next().await.is_some_and(|chunk| chunk.is_err()), is_cut_off);
            assert!(body.next().await.is_none());
        }
    }
}
