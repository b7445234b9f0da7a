//! A database as it is called: who logs in where, whose certificates are believed, and the connections that
//! are open.

use std::sync::Arc;

use secrecy::SecretString;

use super::pool::Pool;
use super::tls::Roots;
use crate::destination::address::{Allow, Refused, check_database};
use crate::destination::postgres::Login;

/// A database.
pub(crate) struct Database {
    pub(super) login: Login,
    pub(super) roots: Roots,
    pub(super) pool: Arc<Pool>,
}

impl Database {
    /// A database with its URL, and the certificates of its own authority if it has one, to which there are
    /// at most `connections`. The error repeats neither.
    pub(crate) fn new(
        url: &SecretString,
        ca: Option<&SecretString>,
        connections: u32,
    ) -> Result<Self, String> {
        let login = Login::parse(url).map_err(|error| format!("url: {error}"))?;
        let roots = Roots::of(ca).map_err(|error| format!("ca: {error}"))?;
        Ok(Self { login, roots, pool: Arc::new(Pool::new(connections)) })
    }

    /// Whether it may be called, as far as its URL tells.
    pub(crate) fn check(&self, allow: &Allow) -> Result<(), Refused> {
        let Login { host, port, is_plain, .. } = &self.login;
        check_database(host, *port, *is_plain, allow)
    }
}
