//! A folder of manifests as kustomize reads it, for machines without it: its resources, and what it
//! generates from files. Knows no patches, of which there are none (see `overlays`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::manifest::{Manifest, texts};

/// Everything that this reads. Whatever else stands in a kustomization would be overlooked.
pub(crate) const KNOWN: [&str; 10] = [
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "images",
    // What kube-prometheus-stack selects by; `overlays` sees that selectors stay.
    "labels",
];

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s").join(name)
}

pub(crate) fn of(folder: &Path) -> Manifest {
    let path = folder.join("kustomization.yaml");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Manifest::all(&text).remove(0)
}

/// Every resource of a folder and those that it builds on.
pub(crate) fn read(folder: &Path) -> Vec<Manifest> {
    let kustomization = of(folder);
    let mut manifests = Vec::new();
    for key in ["/resources", "/components"] {
        for resource in texts(kustomization.at(key)) {
            let path = folder.join(resource);
            if path.is_dir() {
                manifests.extend(read(&path));
            } else {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                manifests.extend(Manifest::all(&text));
            }
        }
    }
    for generator in kustomization.list("/configMapGenerator") {
        generate_config_map(folder, generator, &mut manifests);
    }
    for generator in kustomization.list("/secretGenerator") {
        let keys = texts(&generator["files"]).into_iter().map(key_of);
        let data: serde_json::Map<_, _> =
            keys.map(|key| (key.to_owned(), Value::default())).collect();
        manifests.push(Manifest(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": generator["name"]}, "data": data}),
        ));
    }
    if let Some(namespace) = kustomization.at("/namespace").as_str() {
        for manifest in manifests.iter_mut().filter(|manifest| manifest.kind() == "Namespace") {
            manifest.0["metadata"]["name"] = namespace.into();
        }
    }
    for image in kustomization.list("/images") {
        for manifest in &mut manifests {
            tag(manifest, image);
        }
    }
    manifests
}

fn generate_config_map(folder: &Path, generator: &Value, manifests: &mut Vec<Manifest>) {
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect(file);
    let mut data = serde_json::Map::new();
    for file in texts(&generator["envs"]) {
        for line in read(file).lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, value) = line.split_once('=').expect("NAME=value");
            data.insert(name.to_owned(), value.into());
        }
    }
    for file in texts(&generator["files"]) {
        let path = file.split_once('=').map_or(file, |(_, path)| path);
        data.insert(key_of(file).to_owned(), read(path).into());
    }
    let name = generator["name"].as_str().expect("a name");
    if generator["behavior"] == "merge" {
        let merged = manifests
            .iter_mut()
            .find(|manifest| manifest.kind() == "ConfigMap" && manifest.name() == name)
            .expect("a ConfigMap to merge with");
        merged.0["data"].as_object_mut().unwrap().append(&mut data);
    } else {
        manifests.push(Manifest(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}),
        ));
    }
}

/// `key=path`, or a path whose last part is the key.
fn key_of(file: &str) -> &str {
    file.split_once('=').map_or_else(|| file.rsplit('/').next().unwrap_or(file), |(key, _)| key)
}

fn tag(manifest: &mut Manifest, image: &Value) {
    let Some(containers) = manifest.0.pointer_mut("/spec/template/spec/containers") else { return };
    for container in containers.as_array_mut().unwrap() {
        if container["image"] == image["name"] {
            let name = image["newName"].as_str().or(image["name"].as_str()).unwrap();
            let tag = image["newTag"].as_str().expect("newTag");
            container["image"] = format!("{name}:{tag}").into();
        }
    }
}
