//! Whoever sent a request, what they may do, and how far they see.

use super::reach::Reach;

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
    pub(in crate::console) reach: Reach,
    /// As they call themselves.
    pub(in crate::console) name: String,
    /// Whether there is something to sign out of.
    pub(in crate::console) signed_in: bool,
}

impl Person {
    pub(in crate::console) fn may_act(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whether they see what is of all origins, and what is of none.
    pub(in crate::console) fn sees_all(&self) -> bool {
        self.reach.is_all()
    }

    /// As the audit calls them: with their origin, if they see no other.
    pub(in crate::console) fn signature(&self) -> String {
        format!("{}{}", self.name, mark(&self.reach))
    }

    /// Their role, and where.
    pub(in crate::console) fn title(&self) -> String {
        match &self.reach {
            Reach::All => self.role.as_str().to_owned(),
            Reach::Origin(origin) => format!("{} of {origin}", self.role.as_str()),
        }
    }

    /// Whoever reaches a console that asks for no token.
    pub(in crate::console) fn anybody() -> Self {
        let (role, reach) = (Role::Operator, Reach::All);
        Self { role, reach, name: "console".to_owned(), signed_in: false }
    }

    /// Whoever has the token and gives no name.
    pub(in crate::console) fn nameless(role: Role, reach: Reach) -> Self {
        let name = format!("console {}", role.as_str());
        Self { role, reach, name, signed_in: false }
    }
}

/// How every signature ends of those who see one origin alone: nobody else's of another one does.
pub(in crate::console) fn mark(reach: &Reach) -> String {
    match reach {
        Reach::All => String::new(),
        Reach::Origin(origin) => format!(" ({origin})"),
    }
}

#[cfg(test)]
mod tests {
    use shared::origin::Origin;

    use super::*;

    #[test]
    fn the_audit_tells_whose_people_acted() {
        let own = Person::nameless(Role::Operator, Reach::Origin(Origin::hubspot(7)));
        assert_eq!(own.signature(), "console operator (hubspot/7)");
        assert_eq!((own.title().as_str(), own.sees_all()), ("operator of hubspot/7", false));
        let all = Person::anybody();
        assert_eq!((all.signature().as_str(), all.sees_all()), ("console", true));
    }
}
