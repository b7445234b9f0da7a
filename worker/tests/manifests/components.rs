//! What an overlay may name under `components`: it adds settings of the programs that get them, and these fit what the
//! base says.

use std::collections::BTreeMap;

use super::kustomization::{folder, of};
use super::manifest::texts;
use super::program::{Program, Settings};

const COMPONENTS: [&str; 2] = ["oauth", "tenants"];

/// The variables that a component gives each program.
fn given(component: &str) -> Vec<(Program, BTreeMap<String, String>)> {
    let place = folder(&format!("components/{component}"));
    let kustomization = of(&place);
    let generators = kustomization.list("/configMapGenerator").iter();
    let of_generator = |generator: &serde_json::Value| {
        assert_eq!(generator["behavior"], "merge", "{component}: {generator}");
        let program = match generator["name"].as_str() {
            Some("hubline-worker") => Program::Worker,
            Some("hubline-console") => Program::Console,
            other => panic!("{component}: who gets {other:?}?"),
        };
        let mut variables = BTreeMap::new();
        for file in texts(&generator["envs"]) {
            let text = std::fs::read_to_string(place.join(file)).unwrap();
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            let pairs = lines.filter_map(|line| line.split_once('='));
            variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        (program, variables)
    };
    generators.map(of_generator).collect()
}

#[test]
fn a_component_gives_each_program_settings_of_its_own() {
    for component in COMPONENTS {
        for (program, variables) in given(component) {
            let names = program.names();
            assert!(!variables.is_empty(), "{component}: {program:?}");
            for name in variables.keys() {
                assert!(names.contains(name), "{component}: {name} is no setting of {program:?}");
            }
        }
    }
}

#[test]
fn with_tenants_in_the_records_nobody_reads_a_file_and_all_have_the_key() {
    for (program, variables) in given("tenants") {
        assert!(variables.contains_key("SECRETS_KEY_FILE"), "{program:?}: {variables:?}");
        // The base names one to both.
        assert_eq!(variables["TENANTS_FILE"], "", "{program:?}");
        let Settings::Worker(settings) = program.read(&variables).unwrap() else { continue };
        let tenants = &settings.processing.tenants;
        assert!(tenants.tenants_in_database && tenants.check().is_ok(), "{tenants:?}");
    }
}
