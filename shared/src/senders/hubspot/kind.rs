//! What an event is about and what happened to it, whichever of HubSpot's two spellings it has.
//!
//! Owns that `object.propertyChange` with `objectTypeId` `0-3` is `deal.propertyChange`. Refuses to fail
//! on what HubSpot adds later: that is [`ObjectType::Other`] and [`Change::Other`].

use std::collections::BTreeSet;

use super::event::HubSpotEvent;

/// The type of record that an event is about. For associations: of the record they start at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObjectType {
    /// `contact`, `0-1`.
    Contact,
    /// `company`, `0-2`.
    Company,
    /// `deal`, `0-3`.
    Deal,
    /// `ticket`, `0-5`.
    Ticket,
    /// `product`, `0-7`.
    Product,
    /// `line_item`, `0-8`.
    LineItem,
    /// `conversation`.
    Conversation,
    /// A portal's own object type, by its id: `2-143964783`.
    Custom(String),
    /// Any other, by its type id or by the first part of the subscription type.
    Other(String),
}

impl ObjectType {
    fn from_name(name: &str) -> Self {
        match name {
            "contact" => Self::Contact,
            "company" => Self::Company,
            "deal" => Self::Deal,
            "ticket" => Self::Ticket,
            "product" => Self::Product,
            "line_item" => Self::LineItem,
            "conversation" => Self::Conversation,
            other => Self::Other(other.to_owned()),
        }
    }

    fn from_type_id(id: &str) -> Self {
        match id {
            "0-1" => Self::Contact,
            "0-2" => Self::Company,
            "0-3" => Self::Deal,
            "0-5" => Self::Ticket,
            "0-7" => Self::Product,
            "0-8" => Self::LineItem,
            custom if custom.starts_with("2-") => Self::Custom(custom.to_owned()),
            other => Self::Other(other.to_owned()),
        }
    }
}

/// What happened to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It was created.
    Creation,
    /// It was deleted.
    Deletion,
    /// It was merged with others.
    Merge,
    /// It came back from deletion.
    Restore,
    /// One of its properties changed.
    PropertyChange,
    /// It was associated with another record, or no longer is.
    AssociationChange,
    /// It was deleted for privacy; a deletion is sent too, in any order.
    PrivacyDeletion,
    /// A conversation got a message.
    NewMessage,
    /// Something that HubSpot added later.
    Other,
}

impl Change {
    fn from_name(name: &str) -> Self {
        match name {
            "creation" => Self::Creation,
            "deletion" => Self::Deletion,
            "merge" => Self::Merge,
            "restore" => Self::Restore,
            "propertyChange" => Self::PropertyChange,
            "associationChange" => Self::AssociationChange,
            "privacyDeletion" => Self::PrivacyDeletion,
            "newMessage" => Self::NewMessage,
            _ => Self::Other,
        }
    }
}

impl HubSpotEvent {
    /// The type of record that the event is about.
    pub fn object_type(&self) -> ObjectType {
        match self.type_parts().0 {
            "object" => {
                let id = self.object_type_id.as_ref().or(self.from_object_type_id.as_ref());
                id.map_or_else(
                    || ObjectType::from_name("object"),
                    |id| ObjectType::from_type_id(id),
                )
            }
            name => ObjectType::from_name(name),
        }
    }

    /// What happened to the record.
    pub fn change(&self) -> Change {
        Change::from_name(self.type_parts().1)
    }

    /// Whether the event tells of this change to this type of record.
    #[expect(clippy::needless_pass_by_value, reason = "reads as `is(ObjectType::Deal, …)`")]
    pub fn is(&self, object: ObjectType, change: Change) -> bool {
        self.change() == change && self.object_type() == object
    }

    /// The new value of the property `name` if this is a change of it, of whatever record.
    /// A property that was cleared has the value `""`, as in HubSpot's own API.
    pub fn property(&self, name: &str) -> Option<&str> {
        let changed =
            self.change() == Change::PropertyChange && self.property_name.as_deref() == Some(name);
        changed.then(|| self.property_value.as_deref().unwrap_or_default())
    }

    /// The record that a merge left: today one of its own (`newObjectId`), formerly the primary one.
    pub fn merge_survivor(&self) -> Option<u64> {
        self.new_object_id.or(self.primary_object_id).or(self.object_id)
    }

    /// The records that a merge took away: all that it names but the one that is left. Empty for
    /// anything else.
    pub fn merged_away(&self) -> BTreeSet<u64> {
        if self.change() != Change::Merge {
            return BTreeSet::new();
        }
        let named = self.merged_object_ids.iter().copied();
        let survivor = self.merge_survivor();
        let all = named.chain(self.primary_object_id).chain(self.object_id);
        all.filter(|id| Some(*id) != survivor).collect()
    }

    /// `deal` and `propertyChange` of `deal.propertyChange`.
    fn type_parts(&self) -> (&str, &str) {
        self.subscription_type.split_once('.').unwrap_or((&self.subscription_type, ""))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn event(subscription_type: &str, more: &str) -> HubSpotEvent {
        let json = format!(
            r#"{{"portalId":1,"eventId":2,"subscriptionType":"{subscription_type}"{more}}}"#
        );
        HubSpotEvent::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_generic_spelling_means_the_same_record_types() {
        for (name, id, expected) in [
            ("contact", "0-1", ObjectType::Contact),
            ("company", "0-2", ObjectType::Company),
            ("deal", "0-3", ObjectType::Deal),
            ("ticket", "0-5", ObjectType::Ticket),
            ("product", "0-7", ObjectType::Product),
            ("line_item", "0-8", ObjectType::LineItem),
        ] {
            for change in ["creation", "propertyChange", "restore"] {
                let classic = event(&format!("{name}.{change}"), "");
                let generic =
                    event(&format!("object.{change}"), &format!(r#","objectTypeId":"{id}""#));
                assert_eq!(classic.object_type(), expected);
                assert_eq!(generic.object_type(), expected);
                assert_eq!(classic.change(), generic.change());
                assert!(generic.is(expected.clone(), classic.change()));
            }
        }
    }

    #[test]
    fn a_generic_association_is_about_the_record_it_starts_at() {
        let ids = r#","fromObjectTypeId":"0-3","toObjectTypeId":"0-1""#;
        let association = event("object.associationChange", ids);
        assert!(association.is(ObjectType::Deal, Change::AssociationChange));
    }

    #[test]
    fn unknown_types_are_carried_by_name() {
        let custom = event("object.creation", r#","objectTypeId":"2-143964783""#);
        assert_eq!(custom.object_type(), ObjectType::Custom("2-143964783".to_owned()));
        let call = event("object.creation", r#","objectTypeId":"0-48""#);
        assert_eq!(call.object_type(), ObjectType::Other("0-48".to_owned()));
        let completed = event("event.completed", "");
        assert!(completed.is(ObjectType::Other("event".to_owned()), Change::Other));
        let untyped = event("object.creation", "");
        assert_eq!(untyped.object_type(), ObjectType::Other("object".to_owned()));
        assert!(event("oddity", "").is(ObjectType::Other("oddity".to_owned()), Change::Other));
    }

    #[test]
    fn every_documented_change_is_known() {
        for (name, expected) in [
            ("creation", Change::Creation),
            ("deletion", Change::Deletion),
            ("merge", Change::Merge),
            ("restore", Change::Restore),
            ("propertyChange", Change::PropertyChange),
            ("associationChange", Change::AssociationChange),
            ("privacyDeletion", Change::PrivacyDeletion),
            ("newMessage", Change::NewMessage),
            ("propertychange", Change::Other),
        ] {
            assert_eq!(event(&format!("contact.{name}"), "").change(), expected);
        }
    }

    #[test]
    fn a_property_is_there_only_when_it_is_what_changed() {
        let change = r#","propertyName":"dealstage","propertyValue":"closedwon""#;
        let changed = event("deal.propertyChange", change);
        assert_eq!(changed.property("dealstage"), Some("closedwon"));
        assert_eq!(changed.property("amount"), None);
        assert_eq!(event("deal.creation", change).property("dealstage"), None);
        let cleared = r#","propertyName":"amount","propertyValue":null"#;
        assert_eq!(event("deal.propertyChange", cleared).property("amount"), Some(""));
    }

    #[test]
    fn a_merge_leaves_one_record_and_takes_all_others_away() {
        for (ids, survivor, away) in [
            (
                r#""objectId":900,"primaryObjectId":100,"mergedObjectIds":[200,201],"newObjectId":900"#,
                900,
                vec![100, 200, 201],
            ),
            (
                r#""objectId":100,"primaryObjectId":100,"mergedObjectIds":[200],"newObjectId":300"#,
                300,
                vec![100, 200],
            ),
            (
                r#""objectId":100,"primaryObjectId":100,"mergedObjectIds":[200],"newObjectId":100"#,
                100,
                vec![200],
            ),
            (
                r#""objectId":"100","primaryObjectId":"100","mergedObjectIds":["200"]"#,
                100,
                vec![200],
            ),
        ] {
            let merge = event("contact.merge", &format!(",{ids}"));
            assert_eq!(merge.merge_survivor(), Some(survivor), "{ids}");
            assert_eq!(merge.merged_away().into_iter().collect::<Vec<_>>(), away, "{ids}");
        }
        assert!(event("contact.deletion", r#","objectId":7"#).merged_away().is_empty());
    }
}
