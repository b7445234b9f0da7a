//! How Kubernetes reads `NetworkPolicy`s: what one picks may do only what some policy of that direction
//! allows. Reads as much of them as is used here, and stops at the rest.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::{Manifest, selects, texts};

/// One end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// One of ours, by its name.
    Own(&'static str),
    /// A pod of another namespace, with its labels.
    Other(&'static str, Value),
    /// Something outside.
    Address(&'static str),
}

/// A connection that somebody might make.
pub(crate) struct Flow {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) port: u64,
    pub(crate) protocol: &'static str,
}

pub(crate) fn flow(from: End, to: End, port: u64) -> Flow {
    Flow { from, to, port, protocol: "TCP" }
}

impl Flow {
    pub(crate) fn is_allowed(&self, installation: &Installation) -> bool {
        self.passes(installation, "Egress", &self.from, &self.to)
            && self.passes(installation, "Ingress", &self.to, &self.from)
    }

    /// Whether the policies of `own` let it through in one direction.
    fn passes(&self, installation: &Installation, direction: &str, own: &End, peer: &End) -> bool {
        let End::Own(name) = own else { return true };
        let labels = json!({"app.kubernetes.io/name": name});
        let mut is_picked = false;
        for policy in installation.of_kind("NetworkPolicy") {
            if !selects(policy.at("/spec/podSelector"), &labels)
                || !texts(policy.at("/spec/policyTypes")).contains(&direction)
            {
                continue;
            }
            is_picked = true;
            let (rules, side) = match direction {
                "Egress" => ("/spec/egress", "to"),
                _ => ("/spec/ingress", "from"),
            };
            let lets = |rule: &Value| {
                let peers = rule[side].as_array().map(Vec::as_slice).unwrap_or_default();
                let ports = rule["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
                assert!(!peers.is_empty() && !ports.is_empty(), "{}: to everybody", policy.id());
                peers.iter().any(|wanted| is_peer(installation, wanted, peer))
                    && ports.iter().any(|port| self.is_port(port))
            };
            if policy.list(rules).iter().any(lets) {
                return true;
            }
        }
        !is_picked
    }

    fn is_port(&self, port: &Value) -> bool {
        let first = port["port"].as_u64().expect("ports by number");
        let last = port["endPort"].as_u64().unwrap_or(first);
        port["protocol"] == self.protocol && (first..=last).contains(&self.port)
    }
}

fn is_peer(installation: &Installation, wanted: &Value, peer: &End) -> bool {
    let own = installation.of_kind("Namespace").next().map_or("", Manifest::name);
    let (namespace, labels) = match peer {
        End::Address(address) => return is_in(&wanted["ipBlock"], address.parse().unwrap()),
        End::Own(name) => (own, json!({"app.kubernetes.io/name": name})),
        End::Other(namespace, labels) => (*namespace, labels.clone()),
    };
    let fits_pod = wanted.get("podSelector").is_none_or(|selector| selects(selector, &labels));
    let fits_namespace = match wanted.get("namespaceSelector") {
        Some(selector) => selects(selector, &json!({"kubernetes.io/metadata.name": namespace})),
        None => namespace == own,
    };
    wanted.get("ipBlock").is_none() && fits_pod && fits_namespace
}

fn is_in(block: &Value, address: IpAddr) -> bool {
    let within = |network: &str| {
        let (base, bits) = network.split_once('/').expect("a network");
        let bits: u32 = bits.parse().expect("bits");
        match (base.parse().expect("an address"), address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    };
    block["cidr"].as_str().is_some_and(within) && !texts(&block["except"]).into_iter().any(within)
}
