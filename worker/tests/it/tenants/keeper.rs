//! A tenant's endpoint that keeps what it has read, and whether it has answered. Its answers can be held back
//! and lost, and it can be down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::within;

/// What it does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// 200, at once.
    Answers,
    /// It reads, and answers once it does something else.
    Holds,
    /// It reads, and ends the connection in the place of an answer.
    Loses,
    /// It ends connections and reads nothing.
    Down,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Held,
    Answered,
    Lost,
}

/// A request.
#[derive(Clone, Debug)]
struct Kept {
    object_id: u64,
    /// `Idempotency-Key`.
    key: String,
    end: End,
}

/// The running endpoint; it stops when this is dropped.
pub(super) struct Keeper {
    pub(super) address: SocketAddr,
    mood: watch::Sender<Mood>,
    kept: Arc<watch::Sender<Vec<Kept>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Keeper {
    pub(super) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, kept) = (watch::Sender::new(mood), Arc::new(watch::Sender::default()));
        let (told, keeping) = (mood.clone(), Arc::clone(&kept));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, told.subscribe(), Arc::clone(&keeping)));
            }
        });
        Self { address, mood, kept, accepting }
    }

    /// Its address: `http://127.0.0.1:41234/`.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on it does that, also with what it holds. Those are over when this returns.
    pub(super) async fn turn(&self, mood: Mood) {
        self.mood.send_replace(mood);
        if mood != Mood::Holds {
            self.wait_for("nothing that it holds", |kept| with(kept, End::Held) == 0).await;
        }
    }

    /// Waits until it holds so many.
    pub(super) async fn wait_held(&self, count: usize) {
        let what = format!("{count} that it holds");
        self.wait_for(&what, |kept| with(kept, End::Held) >= count).await;
    }

    /// Waits until it has answered so many.
    pub(super) async fn wait_answered(&self, count: usize) {
        let what = format!("{count} answers");
        self.wait_for(&what, |kept| with(kept, End::Answered) >= count).await;
    }

    /// Waits until so many answers were lost.
    pub(super) async fn wait_lost(&self, count: usize) {
        self.wait_for(&format!("{count} lost"), |kept| with(kept, End::Lost) >= count).await;
    }

    /// How many answers were lost.
    pub(super) fn lost(&self) -> usize {
        with(&self.kept.borrow(), End::Lost)
    }

    /// How many requests it has read.
    pub(super) fn read(&self) -> usize {
        self.kept.borrow().len()
    }

    /// The events of these objects have arrived, and no others: each under one name, and once, but for those
    /// whose answer was lost.
    #[track_caller]
    pub(super) fn has_each_once(&self, ids: impl IntoIterator<Item = u64>) {
        let kept = self.kept.borrow();
        let mut answered = BTreeMap::<u64, usize>::new();
        let mut names = BTreeMap::<u64, BTreeSet<&str>>::new();
        for kept in &*kept {
            *answered.entry(kept.object_id).or_default() += usize::from(kept.end == End::Answered);
            names.entry(kept.object_id).or_default().insert(&kept.key);
        }
        let expected: BTreeMap<_, _> = ids.into_iter().map(|id| (id, 1)).collect();
        assert_eq!(answered, expected, "each event has one answer that arrived");
        assert!(names.values().all(|names| names.len() == 1), "one name each: {names:?}");
        let all: BTreeSet<_> = names.values().flatten().collect();
        assert_eq!(all.len(), names.len(), "no two have the same name: {names:?}");
    }

    async fn wait_for(&self, what: &str, mut is_so: impl FnMut(&[Kept]) -> bool) {
        let mut kept = self.kept.subscribe();
        let waited = kept.wait_for(|kept| is_so(kept));
        drop(within(&format!("{what} at an endpoint"), waited).await.unwrap());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.accepting.abort();
        self.mood.send_replace(Mood::Down);
    }
}

fn with(kept: &[Kept], end: End) -> usize {
    kept.iter().filter(|kept| kept.end == end).count()
}

/// Until either side has enough.
async fn serve(
    stream: TcpStream,
    mut mood: watch::Receiver<Mood>,
    kept: Arc<watch::Sender<Vec<Kept>>>,
) -> Option<()> {
    let mut stream = BufStream::new(stream);
    loop {
        let (object_id, key) = tokio::select! {
            biased;
            _ = mood.wait_for(|mood| *mood == Mood::Down) => return None,
            request = request(&mut stream) => request?,
        };
        let mut place = 0;
        kept.send_modify(|kept| {
            place = kept.len();
            kept.push(Kept { object_id, key, end: End::Held });
        });
        let ended = |end| kept.send_modify(|kept| kept[place].end = end);
        let mood = tokio::select! {
            biased;
            // Whoever asked has gone.
            _ = stream.read_u8() => Mood::Loses,
            mood = mood.wait_for(|mood| *mood != Mood::Holds) => mood.map_or(Mood::Down, |mood| *mood),
        };
        if mood != Mood::Answers {
            ended(End::Lost);
            return None;
        }
        // Noted first: whoever has the answer may look for it here.
        ended(End::Answered);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
}

/// The object that the next request is about, and the request's name.
async fn request(stream: &mut BufStream<TcpStream>) -> Option<(u64, String)> {
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "idempotency-key" => value.clone_into(&mut key),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    Some((body["objectId"].as_u64().unwrap(), key))
}
