//! What surrounds every page: its title, the way to the others, and who is looking.

use super::access::person::Person;
use super::assets;

/// The pages that can be gone to from everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Problems,
    Letters,
    Discarded,
    Jobs,
    Events,
    Audit,
    Tenants,
    Secrets,
    Limits,
    Health,
    /// Somewhere else.
    None,
}

impl Tab {
    const ALL: [Self; 10] = [
        Self::Problems,
        Self::Letters,
        Self::Discarded,
        Self::Jobs,
        Self::Events,
        Self::Audit,
        Self::Tenants,
        Self::Secrets,
        Self::Limits,
        Self::Health,
    ];

    /// Whether it shows what is of one origin: all else is for those who see everything.
    fn is_of_origins(self) -> bool {
        match self {
            Self::Problems
            | Self::Letters
            | Self::Discarded
            | Self::Jobs
            | Self::Events
            | Self::Tenants
            | Self::Secrets => true,
            Self::Audit | Self::Limits | Self::Health | Self::None => false,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Problems => "Problems",
            Self::Letters => "Letters",
            Self::Discarded => "Discarded",
            Self::Jobs => "Jobs",
            Self::Events => "Events",
            Self::Audit => "Audit",
            Self::Tenants => "Tenants",
            Self::Secrets => "Secrets",
            Self::Limits => "Limits",
            Self::Health => "Health",
            Self::None => "",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Problems | Self::None => "/",
            Self::Letters => "/letters",
            Self::Discarded => "/discarded",
            Self::Jobs => "/jobs",
            Self::Events => "/events",
            Self::Audit => "/audit",
            Self::Tenants => "/tenants",
            Self::Secrets => "/secrets",
            Self::Limits => "/limits",
            Self::Health => "/health",
        }
    }
}

/// A way to another page.
pub(super) struct TabLink {
    pub(super) label: &'static str,
    pub(super) path: &'static str,
    pub(super) is_current: bool,
}

/// What surrounds a page.
pub(super) struct Frame {
    pub(super) title: String,
    tab: Tab,
    pub(super) person: Option<Person>,
    /// What has just been done.
    pub(super) notice: Option<String>,
    /// Whether the page keeps itself up to date where there is JavaScript.
    pub(super) is_live: bool,
    /// Where the style and the script are.
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

impl Frame {
    pub(super) fn new(title: impl Into<String>, tab: Tab, person: Option<Person>) -> Self {
        let (style, script) = (assets::STYLE.path(), assets::SCRIPT.path());
        Self { title: title.into(), tab, person, notice: None, is_live: false, style, script }
    }

    /// Keeps itself up to date while `is_live`.
    pub(super) fn live(self, is_live: bool) -> Self {
        Self { is_live, ..self }
    }

    /// The ways to other pages; none for whoever may not go there.
    pub(super) fn links(&self) -> Vec<TabLink> {
        let Some(person) = &self.person else { return Vec::new() };
        let link = |tab: Tab| TabLink {
            label: tab.label(),
            path: tab.path(),
            is_current: tab == self.tab,
        };
        let tabs = Tab::ALL.into_iter();
        tabs.filter(|tab| person.sees_all() || tab.is_of_origins()).map(link).collect()
    }

    /// Whether what is of no origin is shown, or of several: commands and notes too.
    pub(super) fn sees_all(&self) -> bool {
        self.person.as_ref().is_none_or(Person::sees_all)
    }

    /// Whether there may be buttons.
    pub(super) fn may_act(&self) -> bool {
        self.person.as_ref().is_some_and(Person::may_act)
    }
}
