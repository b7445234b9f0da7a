//! Tenants and their routes, as they are listed.

use serde::Serialize;
use shared::harmless::harmless;

use crate::commands::dead_letters::output::{say, say_json};
use crate::directory::Directory;

/// A tenant as it is listed.
#[derive(Serialize)]
struct Listed<'a> {
    tenant: &'a str,
    origin: String,
    name: Option<&'a str>,
    state: &'static str,
    routes: Vec<ListedRoute<'a>>,
}

#[derive(Serialize)]
struct ListedRoute<'a> {
    route: &'a str,
    destination: &'a str,
    order: &'static str,
    state: &'static str,
    /// Of the destination.
    destination_state: &'static str,
}

pub(super) fn list(directory: &Directory, json: bool) -> anyhow::Result<()> {
    let tenants = &directory.tenants;
    for tenant in tenants.tenants.values() {
        let routes = tenants.routes_of(&tenant.name).map(|route| ListedRoute {
            route: &route.name,
            destination: &route.destination,
            order: if route.order.is_some() { "object" } else { "none" },
            state: route.state.as_str(),
            destination_state: state_of(directory, &route.destination),
        });
        let listed = Listed {
            tenant: &tenant.name,
            origin: tenant.origin.to_string(),
            name: tenant.display_name.as_deref(),
            state: tenant.state.as_str(),
            routes: routes.collect(),
        };
        if json {
            say_json(&listed)?;
            continue;
        }
        let name = listed.name.map(|name| format!(" ({})", harmless(name))).unwrap_or_default();
        say(format_args!("{}{name}  {}  {}", listed.tenant, listed.origin, listed.state))?;
        for route in &listed.routes {
            let ListedRoute { route, destination, state, destination_state, .. } = route;
            let of_destination = match *destination_state {
                "active" => String::new(),
                other => format!(" ({other})"),
            };
            say(format_args!("  {route} → {destination}{of_destination}  {state}"))?;
        }
    }
    if tenants.tenants.is_empty() && !json {
        say("there are no tenants")?;
    }
    Ok(())
}

fn state_of(directory: &Directory, destination: &str) -> &'static str {
    if directory.outlet(destination).is_some_and(|outlet| outlet.is_unusable) {
        return "unusable here";
    }
    let destination = directory.tenants.destinations.get(destination);
    destination.map_or("missing", |destination| destination.state.as_str())
}
