//! All that one overlay makes: as its files stand, and as kustomize makes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::kustomization;
use super::manifest::Manifest;
use super::program::Program;

pub(crate) const OVERLAYS: [&str; 2] = ["dev", "production"];

/// Everything that is applied together.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// For messages.
    pub(crate) name: String,
    pub(crate) manifests: Vec<Manifest>,
}

/// What runs one of Hubline's programs.
pub(crate) struct Workload<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) pod: Manifest,
    pub(crate) program: Program,
    /// All that its pods have in their environment.
    pub(crate) environment: BTreeMap<String, String>,
}

/// Each overlay as its files stand; and rendered, where `kubectl` is there.
pub(crate) fn all() -> Vec<Installation> {
    let read = OVERLAYS.map(Installation::read);
    let rendered = OVERLAYS.iter().filter_map(|overlay| Installation::rendered(overlay));
    read.into_iter().chain(rendered).collect()
}

impl Installation {
    pub(crate) fn read(overlay: &str) -> Self {
        let manifests = kustomization::read(&kustomization::folder("overlays").join(overlay));
        Self { name: overlay.to_owned(), manifests }
    }

    /// As kustomize makes it, from a copy in which the secrets of dev have been made.
    fn rendered(overlay: &str) -> Option<Self> {
        Command::new("kubectl").arg("version").arg("--client").output().ok()?;
        let copy = Copy::new();
        let folder = copy.0.join("overlays").join(overlay);
        if folder.join("make-secrets").exists() {
            run(&mut Command::new(folder.join("make-secrets")));
        }
        let yaml = run(Command::new("kubectl").arg("kustomize").arg(&folder));
        let mut manifests = Manifest::all(&yaml);
        name_as_before(&mut manifests);
        Some(Self { name: format!("{overlay}, rendered"), manifests })
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Manifest> {
        self.manifests.iter().filter(move |manifest| manifest.kind() == kind)
    }

    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Manifest> {
        self.of_kind(kind).find(|manifest| manifest.name() == name)
    }

    /// Everything that makes pods.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&Manifest, Manifest)> {
        self.manifests.iter().filter_map(|manifest| Some((manifest, manifest.pod()?)))
    }

    /// Everything that runs one of Hubline's programs.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.pods().filter_map(|(manifest, pod)| {
            let program = Program::of(&pod)?;
            let environment = self.environment(&pod);
            Some(Workload { manifest, pod, program, environment })
        })
    }

    pub(crate) fn workload(&self, program: Program) -> Workload<'_> {
        self.workloads().find(|workload| workload.program == program).expect("a workload")
    }

    fn environment(&self, pod: &Manifest) -> BTreeMap<String, String> {
        let container = &pod.list("/spec/containers")[0];
        let mut environment = BTreeMap::new();
        for from in container["envFrom"].as_array().into_iter().flatten() {
            let name =
                from["configMapRef"]["name"].as_str().expect("only ConfigMaps are taken whole");
            let map = self.find("ConfigMap", name).unwrap_or_else(|| panic!("ConfigMap {name}"));
            for (name, value) in map.at("/data").as_object().into_iter().flatten() {
                environment.insert(name.clone(), value.as_str().expect("text").to_owned());
            }
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = variable["value"].as_str().expect("only plain values").to_owned();
            environment.insert(variable["name"].as_str().unwrap().to_owned(), value);
        }
        environment
    }

    /// The same with one value changed; `pointer` begins at the resource.
    pub(crate) fn with(&self, id: &str, pointer: &str, value: Value) -> Self {
        let mut changed = self.clone();
        let manifest = changed.manifests.iter_mut().find(|manifest| manifest.id() == id);
        let manifest = manifest.unwrap_or_else(|| panic!("no {id} in {}", self.name));
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let key = key.replace("~1", "/");
        match manifest.0.pointer_mut(parent).unwrap_or_else(|| panic!("{id} has no {parent}")) {
            Value::Object(map) if value.is_null() => drop(map.remove(&key).expect("a field")),
            Value::Object(map) => drop(map.insert(key, value)),
            Value::Array(list) if key == "-" => list.push(value),
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
            other => panic!("{other} has no fields"),
        }
        changed
    }

    /// The same without one resource.
    pub(crate) fn without(&self, id: &str) -> Self {
        let mut changed = self.clone();
        changed.manifests.retain(|manifest| manifest.id() != id);
        assert_ne!(changed.manifests.len(), self.manifests.len(), "no {id}");
        changed
    }
}

/// Takes the hashes off the names that kustomize has put them on, where they are referred to too.
fn name_as_before(manifests: &mut [Manifest]) {
    let generated: Vec<String> = manifests
        .iter()
        .filter(|manifest| matches!(manifest.kind(), "ConfigMap" | "Secret"))
        .map(|manifest| manifest.name().to_owned())
        .filter(|name| name.rsplit('-').next().is_some_and(|hash| hash.len() == 10))
        .collect();
    for manifest in manifests {
        rename(&mut manifest.0, &generated);
    }
}

fn rename(value: &mut Value, generated: &[String]) {
    match value {
        Value::String(text) if generated.contains(text) => {
            text.truncate(text.rfind('-').unwrap());
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, generated)),
        Value::Object(map) => map.values_mut().for_each(|value| rename(value, generated)),
        _ => {}
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A copy of all manifests, gone when dropped.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let to = std::env::temp_dir().join(format!("hubline-k8s-{:032x}", rand::random::<u128>()));
        copy(&kustomization::folder(""), &to);
        Self(to)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            fs::copy(entry.path(), to).unwrap();
        } else if !entry.file_name().to_string_lossy().starts_with("secrets") {
            // Those that a developer has made are nobody else's.
            copy(&entry.path(), &to);
        }
    }
}
