//! Whoever sent a request, and what they may do.

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console) enum Role {
    /// Read.
    Viewer,
    /// Read, and act.
    Operator,
}

impl Role {
    pub(in crate::console) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) struct Person {
    pub(in crate::console) role: Role,
    /// As the audit calls them.
    pub(in crate::console) name: String,
    /// Whether there is something to sign out of.
    pub(in crate::console) signed_in: bool,
}

impl Person {
    pub(in crate::console) fn may_act(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whoever reaches a console that asks for no token.
    pub(in crate::console) fn anybody() -> Self {
        Self { role: Role::Operator, name: "console".to_owned(), signed_in: false }
    }

    /// Whoever has the token and gives no name.
    pub(in crate::console) fn nameless(role: Role) -> Self {
        let name = format!("console {}", role.as_str());
        Self { role, name, signed_in: false }
    }
}
