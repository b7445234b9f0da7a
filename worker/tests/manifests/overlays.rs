//! An overlay adds, and changes nothing of what the base says of drains, leases and rights: it patches
//! nothing, and overrides no setting that another value has to fit.

use std::collections::BTreeSet;

use super::installation::{Installation, OVERLAYS};
use super::kustomization::{KNOWN, folder, of};
use super::manifest::{Manifest, texts};

fn unknown(kustomization: &Manifest) -> Vec<String> {
    let keys = kustomization.0.as_object().unwrap().keys();
    let keys = keys.filter(|key| !KNOWN.contains(&key.as_str())).cloned();
    let labels = kustomization.list("/labels").iter();
    let selecting = labels.filter(|label| label["includeSelectors"] == true);
    keys.chain(selecting.map(|_| "includeSelectors".to_owned())).collect()
}

#[test]
fn no_overlay_patches_anything() {
    let folders = ["base", "monitoring"].into_iter().map(str::to_owned);
    for name in folders.chain(OVERLAYS.map(|overlay| format!("overlays/{overlay}"))) {
        assert_eq!(unknown(&of(&folder(&name))), [""; 0], "{name}");
    }
    let patched = &Manifest::all("kind: Kustomization\npatches: []").remove(0);
    assert_eq!(unknown(patched), ["patches"]);
    let selecting = "kind: Kustomization\nlabels: [{pairs: {a: b}, includeSelectors: true}]";
    assert_eq!(unknown(&Manifest::all(selecting).remove(0)), ["includeSelectors"]);
}

/// Names that the base gives a value.
fn given_by_base() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for generator in of(&folder("base")).list("/configMapGenerator") {
        for file in texts(&generator["envs"]) {
            names.extend(variables(&format!("base/{file}")));
        }
    }
    names
}

fn variables(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder(file)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn no_overlay_overrides_what_the_base_has_settled() {
    let settled = given_by_base();
    assert!(settled.contains("LEASE") && settled.contains("WORK_SHARDS"), "{settled:?}");
    for overlay in OVERLAYS {
        for generator in of(&folder(&format!("overlays/{overlay}"))).list("/configMapGenerator") {
            for file in texts(&generator["envs"]) {
                let again: Vec<_> = variables(&format!("overlays/{overlay}/{file}"))
                    .into_iter()
                    .filter(|name| settled.contains(name))
                    .collect();
                assert!(again.is_empty(), "{overlay}/{file} overrides {again:?}");
            }
        }
    }
}

/// Both ways to read an overlay find the same, so that machines without kustomize check the same.
#[test]
fn what_is_read_is_what_kustomize_makes() {
    let installations = super::installation::all();
    let ids = |installation: &Installation| -> BTreeSet<String> {
        installation.manifests.iter().map(Manifest::id).collect()
    };
    let (read, rendered) = installations.split_at(OVERLAYS.len());
    for (read, rendered) in read.iter().zip(rendered) {
        assert_eq!(rendered.name, format!("{}, rendered", read.name));
        let (read_ids, rendered_ids) = (ids(read), ids(rendered));
        let only_one: Vec<_> = read_ids.symmetric_difference(&rendered_ids).collect();
        assert!(only_one.is_empty(), "{}: {only_one:?}", read.name);
        for workload in read.workloads() {
            let same = rendered.workload(workload.program);
            assert_eq!(workload.environment, same.environment, "{}", workload.manifest.id());
            assert_eq!(workload.pod.at("/spec/containers"), same.pod.at("/spec/containers"));
        }
    }
}
