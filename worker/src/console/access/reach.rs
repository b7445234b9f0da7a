//! How far somebody sees: everything, or what is of one origin. What lies beyond is to them as if it were
//! not there.

use shared::origin::Origin;

use crate::records::Question;
use crate::records::dead_letters::Filter;
use crate::records::jobs::Scope;

/// How far somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) enum Reach {
    All,
    /// What this sender sent of this account.
    Origin(Origin),
}

/// What was asked for lies beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is of another origin than whoever asks may see")]
pub(in crate::console) struct OutOfReach;

impl Reach {
    pub(in crate::console) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The one origin that is seen.
    pub(in crate::console) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::All => None,
            Self::Origin(origin) => Some(origin),
        }
    }

    /// Whether what is of `origin` is seen.
    pub(in crate::console) fn covers(&self, origin: &Origin) -> bool {
        self.origin().is_none_or(|own| own == origin)
    }

    /// The origin that is asked for, where `named` may be one: never more than is seen.
    pub(in crate::console) fn narrow(
        &self,
        named: Option<Origin>,
    ) -> Result<Option<Origin>, OutOfReach> {
        match (self, named) {
            (Self::All, named) => Ok(named),
            (Self::Origin(own), None) => Ok(Some(own.clone())),
            (Self::Origin(own), Some(named)) if named == *own => Ok(Some(named)),
            (Self::Origin(_), Some(_)) => Err(OutOfReach),
        }
    }

    /// The letters of `filter` that are seen.
    pub(in crate::console) fn filter(&self, filter: Filter) -> Result<Filter, OutOfReach> {
        Ok(Filter { origin: self.narrow(filter.origin.clone())?, ..filter })
    }

    /// The lines that answer `question` and are seen.
    pub(in crate::console) fn question(&self, question: Question) -> Result<Question, OutOfReach> {
        Ok(Question { origin: self.narrow(question.origin.clone())?, ..question })
    }

    /// What a job may be about.
    pub(in crate::console) fn scope(&self, scope: Scope) -> Result<Scope, OutOfReach> {
        Ok(match scope {
            Scope::Letters { filter, action, since_ms } => {
                Scope::Letters { filter: self.filter(filter)?, action, since_ms }
            }
            Scope::Events { question, force } => {
                Scope::Events { question: self.question(question)?, force }
            }
        })
    }

    /// Whether a filter is about every letter that is seen.
    pub(in crate::console) fn is_every(&self, filter: &Filter) -> bool {
        let origin = filter.origin.clone().filter(|origin| Some(origin) != self.origin());
        Filter { origin, ..filter.clone() }.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::records::jobs::Action;

    const OWN: u64 = 62515;

    fn of(portal_id: u64) -> Filter {
        Filter { origin: Some(Origin::hubspot(portal_id)), ..Filter::default() }
    }

    #[test]
    fn whatever_is_asked_is_asked_of_ones_own() {
        let own = Reach::Origin(Origin::hubspot(OWN));
        assert!(own.covers(&Origin::hubspot(OWN)) && !own.covers(&Origin::hubspot(7)));
        assert!(Reach::All.covers(&Origin::hubspot(7)));
        let code = Filter { code: Some("A".to_owned()), ..Filter::default() };
        for (asked, seen) in [
            (Filter::default(), Ok(of(OWN))),
            (of(OWN), Ok(of(OWN))),
            (code.clone(), Ok(Filter { code: code.code.clone(), ..of(OWN) })),
            (Filter::of(&[1, 2]), Ok(Filter { ids: vec![1, 2], ..of(OWN) })),
            (of(7), Err(OutOfReach)),
        ] {
            assert_eq!(own.filter(asked.clone()), seen, "{asked}");
            assert_eq!(Reach::All.filter(asked.clone()), Ok(asked.clone()));
            let letters = |filter| Scope::letters(Action::Discard, filter);
            assert_eq!(own.scope(letters(asked.clone())), seen.map(letters), "{asked}");
            let question = Question { origin: asked.origin.clone(), ..Question::default() };
            let events = |question| Scope::Events { question, force: true };
            let narrowed = own.question(question.clone());
            assert_eq!(narrowed.is_ok(), own.filter(asked).is_ok());
            assert_eq!(own.scope(events(question)), narrowed.clone().map(events));
            assert!(narrowed.is_err() || narrowed.unwrap().origin == of(OWN).origin);
        }
    }

    #[test]
    fn every_letter_is_every_one_that_is_seen() {
        let own = Reach::Origin(Origin::hubspot(OWN));
        assert!(own.is_every(&of(OWN)) && own.is_every(&Filter::default()));
        assert!(!own.is_every(&Filter { until_ms: Some(1), ..of(OWN) }));
        assert!(Reach::All.is_every(&Filter::default()) && !Reach::All.is_every(&of(OWN)));
    }
}
