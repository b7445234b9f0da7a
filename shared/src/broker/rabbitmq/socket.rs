//! The socket below a connection: how it is taken down, and how what is written to it is gathered. What is
//! written is lapin's business.

use std::net::Shutdown;
use std::sync::{Arc, OnceLock};

/// The socket of a connection, taken down at the latest when this is dropped. lapin itself waits for a
/// peer that says nothing, with a thread and a socket, for as long as the kernel does.
#[derive(Debug, Default)]
pub(super) struct Socket(OnceLock<socket2::Socket>);

/// What is written in small pieces leaves in large ones until this is dropped, or after 200 ms.
pub(super) struct Gathering(Arc<Socket>);

impl Socket {
    /// It is this one. It is opened once.
    pub(super) fn set(&self, socket: socket2::Socket) {
        let _ = self.0.set(socket);
    }

    /// Whatever waits for the peer fails now.
    pub(super) fn take_down(&self) {
        if let Some(socket) = self.0.get() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Gathers what is written from now on. lapin writes what it has whenever it is told of a message, and
    /// each packet of its own costs us and the broker as much as several messages in one.
    pub(super) fn gather(self: Arc<Self>) -> Gathering {
        self.cork(true);
        Gathering(self)
    }

    #[cfg(target_os = "linux")]
    fn cork(&self, on: bool) {
        if let Some(socket) = self.0.get() {
            // It only saves something.
            let _ = socket.set_tcp_cork(on);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn cork(&self, _: bool) {}
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.take_down();
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.0.cork(false);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn it_gathers_until_the_guard_is_dropped_and_all_that_was_written_arrives() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let socket = Arc::<Socket>::default();
        socket.set(stream.try_clone().unwrap().into());
        let is_gathering = || socket.0.get().unwrap().tcp_cork().unwrap();
        assert!(!is_gathering());
        let gathering = Arc::clone(&socket).gather();
        assert!(is_gathering());
        for piece in [b"one", b"two"] {
            stream.write_all(piece).unwrap();
        }
        drop(gathering);
        assert!(!is_gathering());
        let mut come = [0; 6];
        peer.read_exact(&mut come).unwrap();
        assert_eq!(&come, b"onetwo");
        drop(socket);
        assert_eq!(peer.read(&mut come).unwrap(), 0);
    }

    #[test]
    fn one_that_is_not_open_gathers_nothing() {
        drop(Arc::<Socket>::default().gather());
    }
}
