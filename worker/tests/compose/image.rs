//! The Dockerfile, where it must fit what it builds and who runs it.

use crate::file::{service, text};

/// The value of `ARG name=value`.
fn argument(dockerfile: &str, name: &str) -> String {
    let start = format!("ARG {name}=");
    let line = dockerfile.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {start}")).to_owned()
}

/// Everything from `FROM … AS name` to the next `FROM`.
fn stage<'a>(dockerfile: &'a str, name: &str) -> &'a str {
    let start = format!(" AS {name}\n");
    let (_, rest) = dockerfile.split_once(&start).unwrap_or_else(|| panic!("no stage {name}"));
    rest.split("\nFROM ").next().unwrap()
}

#[test]
fn the_label_says_the_programs_own_version() {
    assert_eq!(argument(&text("Dockerfile"), "VERSION"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_compiler_is_new_enough() {
    let version = |text: &str| -> Vec<u32> {
        text.split('.').map(|number| number.parse().unwrap()).collect()
    };
    let used = version(&argument(&text("Dockerfile"), "RUST_VERSION"));
    assert!(used >= version(env!("CARGO_PKG_RUST_VERSION")), "{used:?}");
}

#[test]
fn images_run_as_the_user_that_secrets_are_handed_to() {
    let user = stage(&text("Dockerfile"), "runtime")
        .lines()
        .find_map(|line| line.strip_prefix("USER "))
        .unwrap()
        .to_owned();
    let (uid, _) = user.split_once(':').unwrap();
    for name in ["receiver", "worker", "console"] {
        assert_eq!(service(name)["user"], user, "{name}");
    }
    let setup = text("compose/setup.sh");
    for (name, server) in [
        ("hubline", "worker"),
        ("rabbitmq", "rabbitmq"),
        ("redis", "redis"),
        ("postgres", "postgres"),
        ("grafana", "grafana"),
        ("alertmanager", "alertmanager"),
    ] {
        let user = service(server)["user"].as_str().unwrap().to_owned();
        let (uid, _) = user.split_once(':').unwrap();
        assert!(setup.contains(&format!("\n{name}=${{SETUP_UID:-{uid}}}\n")), "{name}");
    }
    assert_ne!(uid, "0");
}

#[test]
fn each_image_checks_itself_as_compose_does() {
    let dockerfile = text("Dockerfile");
    for (target, services) in [("receiver", &["receiver"][..]), ("worker", &["worker", "console"])]
    {
        let (_, check) = stage(&dockerfile, target).split_once("HEALTHCHECK ").unwrap();
        let (_, command) = check.split_once("CMD ").unwrap();
        let command: Vec<String> = serde_json::from_str(command.lines().next().unwrap()).unwrap();
        for name in services {
            assert_eq!(service(name).health_check()[1..], command, "{name}");
            assert_eq!(service(name)["build"]["target"], target);
        }
        assert!(
            stage(&dockerfile, target)
                .contains(&format!("ENTRYPOINT [\"/usr/local/bin/{target}\"]"))
        );
    }
}

#[test]
fn nothing_but_what_is_built_goes_into_the_build() {
    let ignored = text(".dockerignore");
    let mut lines = ignored.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let kept: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    assert_eq!(kept, ["Cargo.toml", "Cargo.lock", "receiver", "shared", "worker", "vendor"]);
}
