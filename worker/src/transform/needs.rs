//! What a template has to be told of the portal, beside its id: that costs questions.

use minijinja::machinery::ast::{Expr, GetAttr};

/// What it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The labels of stages: it has the filter `stage`.
    pub(crate) stages: bool,
    /// Where the portal's pages are: it has the function `link`, or more of `portal` than its id.
    pub(crate) ui_domain: bool,
}

impl Needs {
    pub(super) fn filter(&mut self, name: &str) {
        self.stages |= name == "stage";
    }

    /// A function or a name, read whole or in part.
    pub(super) fn name(&mut self, name: &str) {
        self.ui_domain |= matches!(name, "link" | "portal");
    }
}

/// Whether it is `portal.id`, which every event tells.
pub(super) fn is_known(part: &GetAttr<'_>) -> bool {
    part.name == "id" && matches!(&part.expr, Expr::Var(name) if name.id == "portal")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::super::{Gives, Transform};

    #[test]
    fn a_template_needs_what_its_helpers_do_and_nothing_for_their_names() {
        for (template, stages, ui_domain) in [
            ("{{ event.propertyValue|stage }}", true, false),
            ("{{ event.propertyValue|stage_colour }}", false, false),
            (
                "{% if event.a %}{{ record.dealstage|default(event.b|stage) }}{% endif %}",
                true,
                false,
            ),
            (r#"{{ link("0-3", event.objectId) }}"#, false, true),
            (r#"{% set a = [1]|first %}{{ link("0-3", record.hs_stage|stage) }}"#, true, true),
            ("{{ portal.id }} {{ record.dealstage }} {{ event.link }} stage link", false, false),
            ("{{ portal.ui_domain }}", false, true),
            (r#"{{ portal["ui_domain"] }}"#, false, true),
            ("{{ portal }}", false, true),
        ] {
            let needs = Transform::parse(template, Gives::Text).unwrap().needs();
            assert_eq!((needs.stages, needs.ui_domain), (stages, ui_domain), "{template}");
        }
        for (name, stages, ui_domain) in [
            ("slack-new-deal", false, true),
            ("deal-stage-alert", true, true),
            ("flat-record", false, false),
        ] {
            let (template, gives) = Transform::shipped(name).unwrap();
            let needs = Transform::parse(template, gives).unwrap().needs();
            assert_eq!((needs.stages, needs.ui_domain), (stages, ui_domain), "{name}");
        }
    }
}
