//! The way from the file's text to what it says, or to all its faults.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::destination::Destination;
use super::fault::Faults;
use super::filter::CheckFilter;
use super::known::Known;
use super::model::Tenants;
use super::notes::Notes;
use super::owners;
use super::route::Route;
use super::secret_ref::EXAMPLE;
use super::section::Section;
use super::standing::Standing;
use super::tenant::Tenant;
use super::transform::CheckTransform;

/// The longest text that is read, in bytes: 16 MiB, for as many as there may be. 10,000 tenants, each with a
/// destination and a route, have some 5 MiB.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The longest that people may make of what is in the records, in bytes: 15 MiB. Installs add tenants to it, as many
/// as there may be have less than 1 MiB, and what is longer than the longest is read by nobody.
pub(crate) const MAX_APPLIED_BYTES: usize = MAX_BYTES - 1024 * 1024;

pub(crate) const MAX_TENANTS: usize = 10_000;
const MAX_DESTINATIONS: usize = 10_000;
const MAX_ROUTES: usize = 20_000;
/// Of one tenant, and of everybody: each of them is asked about each event.
const MAX_ROUTES_OF_ONE: usize = 100;

/// What `text` says, which is that of `file`, as faults call it, and stands where `standing` says.
pub(crate) fn read(
    (file, text): (&str, &str),
    standing: Standing,
    check_filter: &CheckFilter<'_>,
    check_transform: &CheckTransform<'_>,
) -> Result<Tenants, Faults> {
    let notes = Notes::default();
    let tenants = read_into(&notes, text, standing, check_filter, check_transform);
    notes.into_faults(file, text).map_or(Ok(tenants), Err)
}

/// Is whole only if nothing is noted.
fn read_into(
    notes: &Notes,
    text: &str,
    standing: Standing,
    check_filter: &CheckFilter<'_>,
    check_transform: &CheckTransform<'_>,
) -> Tenants {
    if text.len() > MAX_BYTES {
        notes.fault(0, "", &too_long());
        return Tenants::default();
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        // Its Display would repeat the line.
        notes.fault(at, "", &format!("this is no TOML: {}", error.message()));
    }
    if !errors.is_empty() {
        // What can be made of the rest has faults that nobody made.
        return Tenants::default();
    }
    let root = Section::root(notes, table.get_ref());
    root.only(&["tenants", "destinations", "routes"]);
    let tenants = root.named("tenants", MAX_TENANTS);
    let destinations = root.named("destinations", MAX_DESTINATIONS);
    let routes = root.named("routes", MAX_ROUTES);
    let known = Known::of(&tenants, &destinations);
    let tenants = read_tenants(&tenants);
    let sections = destinations;
    let destinations = by_name(&sections, |name, section| Destination::read(name, section, &known));
    owners::check(&sections, &destinations);
    if standing == Standing::File {
        check_generated(&sections, &destinations);
    }
    let read_routes = by_name(&routes, |name, section| {
        Route::read(name, section, &known, check_filter, check_transform)
    });
    check_bodies(&routes, &read_routes, &destinations);
    check_counts(&routes, &read_routes);
    let routes = read_routes;
    Tenants::new(tenants, destinations, routes)
}

fn by_name<'t, T>(
    sections: &[(&'t str, Section<'t>)],
    read: impl Fn(&str, &Section<'t>) -> Option<T>,
) -> BTreeMap<String, T> {
    let read = sections
        .iter()
        .filter_map(|(name, section)| read(name, section).map(|read| ((*name).to_owned(), read)));
    read.collect()
}

/// What is made here is kept in the records, beside the sections that it belongs to.
fn check_generated(sections: &[(&str, Section<'_>)], destinations: &BTreeMap<String, Destination>) {
    for (name, section) in sections {
        if destinations.get(*name).is_some_and(|destination| destination.generated().is_some()) {
            let message = format!(
                "is made and kept only where tenants stand in the records: use TENANTS_IN_DATABASE and \
                 `worker tenants apply` in the place of TENANTS_FILE, or write {EXAMPLE} instead"
            );
            section.fault("secret", message);
        }
    }
}

/// A row and a message to Slack are made of JSON.
fn check_bodies(
    sections: &[(&str, Section<'_>)],
    routes: &BTreeMap<String, Route>,
    destinations: &BTreeMap<String, Destination>,
) {
    for (name, section) in sections {
        let Some(route) = routes.get(*name) else { continue };
        let is_endpoint = destinations
            .get(&route.destination)
            .is_none_or(|destination| destination.sink.endpoint().is_some());
        if !is_endpoint && route.transform.as_ref().is_some_and(|made| !made.gives_json()) {
            let message = format!("must give json for {}: it is no url", route.destination);
            section.fault("transform", message);
        }
    }
}

/// Each tenant has so many routes and no more, and so has everybody.
fn check_counts(sections: &[(&str, Section<'_>)], routes: &BTreeMap<String, Route>) {
    let mut counts = BTreeMap::<Option<&str>, usize>::new();
    for (name, section) in sections {
        let Some(route) = routes.get(*name) else { continue };
        let owner = route.tenant.as_deref();
        let count = counts.entry(owner).or_default();
        *count += 1;
        // Told once.
        if *count == MAX_ROUTES_OF_ONE + 1 {
            let whose = owner.map_or("everybody".to_owned(), |owner| format!("\"{owner}\""));
            let message = format!(
                "{whose} has more than {MAX_ROUTES_OF_ONE} routes: remove some, or join them in one whose filter \
                 has several conditions"
            );
            section.fault("tenant", message);
        }
    }
}

/// An event has one tenant.
fn read_tenants(sections: &[(&str, Section<'_>)]) -> BTreeMap<String, Tenant> {
    let tenants = by_name(sections, Tenant::read);
    let mut owners = BTreeMap::new();
    for (name, section) in sections {
        let Some(tenant) = tenants.get(*name) else { continue };
        if let Some(owner) = owners.insert(&tenant.origin, name) {
            let message = format!(
                "\"{}\" is the origin of the tenant {owner} already: give each its own",
                tenant.origin
            );
            section.fault("origin", message);
        }
    }
    tenants
}

/// What is said of what is too long.
pub(crate) fn too_long() -> String {
    format!("the file is longer than {MAX_BYTES} bytes: shorten it")
}
