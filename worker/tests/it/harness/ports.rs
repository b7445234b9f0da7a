//! Ports for programs that must be told which one they are to listen at.

use std::net::{SocketAddr, TcpListener};

/// Different ones of the loopback interface, that neither the kernel gives to anybody nor `scripts/services`
/// chooses: whoever is told one listens there a while later.
pub(crate) fn free<const N: usize>() -> [SocketAddr; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let candidate = rand::random_range(10_000..20_000);
        if let Ok(socket) = TcpListener::bind(("127.0.0.1", candidate)) {
            held.push(socket);
        }
    }
    std::array::from_fn(|index| held[index].local_addr().unwrap())
}
