//! Pods ask for nothing that they do not need: they are restricted, have no rights on Kubernetes, and
//! prefer to be apart.

use serde_json::{Value, json};

use super::installation::Installation;
use super::proof::{Complaints, holds, notices};

fn is_restricted(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for (manifest, pod) in installation.pods() {
        let id = manifest.id();
        let mut expect = |what: &str, is: &Value, expected: Value| {
            if *is != expected {
                complaints.push(format!("{id}: {what} is {is}, not {expected}"));
            }
        };
        expect("runAsNonRoot", pod.at("/spec/securityContext/runAsNonRoot"), json!(true));
        let seccomp = pod.at("/spec/securityContext/seccompProfile/type");
        expect("seccompProfile", seccomp, json!("RuntimeDefault"));
        let token = "automountServiceAccountToken";
        expect(token, pod.at("/spec/automountServiceAccountToken"), json!(false));
        expect("enableServiceLinks", pod.at("/spec/enableServiceLinks"), json!(false));
        for key in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
            expect(key, pod.at(&format!("/spec/{key}")), Value::Null);
        }
        for container in pod.list("/spec/containers") {
            let context = &container["securityContext"];
            let escalation = "allowPrivilegeEscalation";
            expect(escalation, &context[escalation], json!(false));
            expect("readOnlyRootFilesystem", &context["readOnlyRootFilesystem"], json!(true));
            expect("capabilities", &context["capabilities"], json!({"drop": ["ALL"]}));
            expect("privileged", &context["privileged"], Value::Null);
            // Throttling would make answers late while the node has cores to spare.
            expect("limits.cpu", &container["resources"]["limits"]["cpu"], Value::Null);
            for needed in ["requests/cpu", "requests/memory", "limits/memory"] {
                let found = container["resources"].pointer(&format!("/{needed}"));
                expect(needed, &json!(found.is_some()), json!(true));
            }
            for port in container["ports"].as_array().into_iter().flatten() {
                expect("hostPort", &port["hostPort"], Value::Null);
            }
        }
        for volume in pod.list("/spec/volumes") {
            expect("hostPath", &volume["hostPath"], Value::Null);
        }
    }
    let namespaces: Vec<_> = installation.of_kind("Namespace").collect();
    let standard = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    if namespaces.len() != 1 || namespaces[0].text(standard) != "restricted" {
        complaints.push("the namespace does not enforce the restricted standard".to_owned());
    }
    complaints
}

/// Each prefers to be elsewhere than its likes.
fn spread(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let constraints = workload.pod.list("/spec/topologySpreadConstraints");
        let own = workload.manifest.at("/spec/selector/matchLabels");
        let over: Vec<_> = constraints
            .iter()
            .filter(|constraint| constraint["labelSelector"]["matchLabels"] == *own)
            .filter_map(|constraint| constraint["topologyKey"].as_str())
            .collect();
        if over != ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] {
            let id = workload.manifest.id();
            complaints.push(format!("{id}: is spread over {over:?}, not over zones and hosts"));
        }
    }
    complaints
}

/// Nothing of Kubernetes' own is lent to anybody.
fn accounts(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let name = workload.pod.text("/spec/serviceAccountName");
        match installation.find("ServiceAccount", name) {
            Some(account) if *account.at("/automountServiceAccountToken") == json!(false) => {}
            _ => complaints.push(format!("{}: no account of its own", workload.manifest.id())),
        }
    }
    for kind in ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] {
        complaints
            .extend(installation.of_kind(kind).map(|right| format!("{}: what for?", right.id())));
    }
    complaints
}

#[test]
fn every_pod_is_restricted() {
    holds(is_restricted);
    let worker = "Deployment/hubline-worker";
    notices(
        is_restricted,
        "production",
        [
            (
                worker,
                "/spec/template/spec/securityContext/runAsNonRoot",
                json!(false),
                "runAsNonRoot",
            ),
            (worker, "/spec/template/spec/securityContext/seccompProfile", json!(null), "seccomp"),
            (worker, "/spec/template/spec/automountServiceAccountToken", json!(null), "automount"),
            (worker, "/spec/template/spec/hostNetwork", json!(true), "hostNetwork"),
            (
                worker,
                "/spec/template/spec/containers/0/securityContext/capabilities/add",
                json!(["SYS_TIME"]),
                "capabilities",
            ),
            (
                worker,
                "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem",
                json!(null),
                "readOnly",
            ),
            (
                worker,
                "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation",
                json!(null),
                "Escalation",
            ),
            (
                worker,
                "/spec/template/spec/containers/0/resources/limits/cpu",
                json!("1"),
                "limits.cpu",
            ),
            (
                worker,
                "/spec/template/spec/containers/0/resources/limits/memory",
                json!(null),
                "limits/memory",
            ),
            (
                worker,
                "/spec/template/spec/volumes/-",
                json!({"name": "x", "hostPath": {"path": "/"}}),
                "hostPath",
            ),
            (
                "Namespace/hubline",
                "/metadata/labels/pod-security.kubernetes.io~1enforce",
                json!("baseline"),
                "the namespace",
            ),
        ],
    );
}

#[test]
fn pods_are_spread_over_zones_and_hosts() {
    holds(spread);
    notices(
        spread,
        "production",
        [
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/topologySpreadConstraints/0/labelSelector/matchLabels",
                json!({"a": "b"}),
                "is spread",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/topologySpreadConstraints",
                json!(null),
                "is spread",
            ),
        ],
    );
}

#[test]
fn nobody_has_rights_on_kubernetes() {
    holds(accounts);
    notices(
        accounts,
        "production",
        [
            (
                "ServiceAccount/hubline-worker",
                "/automountServiceAccountToken",
                json!(true),
                "no account",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/serviceAccountName",
                json!("default"),
                "no account",
            ),
            ("ServiceAccount/hubline-worker", "/kind", json!("ClusterRole"), "what for?"),
        ],
    );
}
