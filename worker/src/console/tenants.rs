//! Tenants as a page shows them: from the records, or from the file that this process was told of; and of them what
//! whoever asks may see.

use std::path::PathBuf;

use super::access::Reach;
use crate::directory::{View, marked, view_of};
use crate::records::{Records, Sections};
use crate::tenants;

/// Where they are.
pub(super) struct Tenants {
    records: Records,
    file: Option<PathBuf>,
    /// Whether portals install the app: then a file's tenants are without it if their portals are, to workers too.
    has_app: bool,
}

/// What there is at one moment.
pub(super) struct Seen {
    pub(super) tenants: tenants::Tenants,
    /// As they stand in the records; `None` if they come from a file, which nobody changes from here.
    pub(super) sections: Option<Sections>,
    /// Why some of it cannot be shown.
    pub(super) fault: Option<String>,
}

impl Tenants {
    pub(super) fn new(records: Records, file: Option<PathBuf>, has_app: bool) -> Self {
        Self { records, has_app, file: file.filter(|file| !file.as_os_str().is_empty()) }
    }

    /// Whether nothing of it is changed from here.
    pub(super) fn is_from_file(&self) -> bool {
        self.file.is_some()
    }

    /// Where they are looked for, for people.
    pub(super) fn whence(&self) -> String {
        match &self.file {
            None => "the records".to_owned(),
            Some(file) => format!("the file {}", file.display()),
        }
    }

    /// What there is now within `reach`: to be asked as all of the records is.
    pub(super) fn look(
        &self,
        reach: &Reach,
    ) -> impl Future<Output = anyhow::Result<Seen>> + Send + 'static {
        let (records, file, reach) = (self.records.clone(), self.file.clone(), reach.clone());
        let has_app = self.has_app;
        async move {
            let (view, sections) = match file {
                None => {
                    let sections = records.tenant_sections().await?;
                    (Ok(View::of_records(&sections)), Some(sections))
                }
                Some(file) => {
                    let gone = if has_app { records.without_app().await? } else { Vec::new() };
                    // A disk may take its time.
                    let view = tokio::task::spawn_blocking(move || view_of(&file)).await?;
                    (view.map(|view| view.without_app(gone.into())), None)
                }
            };
            let read = view.and_then(|view| Ok(marked(&view)?.0));
            let (tenants, fault) = match read {
                Ok(tenants) => (tenants, None),
                Err(error) => (tenants::Tenants::default(), Some(format!("{error:#}"))),
            };
            Ok(Seen { tenants, sections, fault }.within(&reach))
        }
    }
}

impl Seen {
    /// Those of all are nobody's own.
    fn within(mut self, reach: &Reach) -> Self {
        if reach.is_all() {
            return self;
        }
        self.tenants = self.tenants.only_of(|origin| reach.covers(origin));
        // It names what is others'.
        self.fault = self.fault.map(|_| "whoever runs this can see why".to_owned());
        self
    }
}
