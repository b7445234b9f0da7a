//! One document of YAML, as Kubernetes gets it.

use serde_json::Value;

/// A resource.
#[derive(Clone, Debug)]
pub(crate) struct Manifest(pub(crate) Value);

static NOTHING: Value = Value::Null;

impl Manifest {
    /// Every document of a file.
    pub(crate) fn all(yaml: &str) -> Vec<Self> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("YAML");
        documents.into_iter().filter(|document| !document.is_null()).map(Self).collect()
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("/kind")
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `Kind/name`, without the hash that kustomize puts onto what it generates.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// What is at a JSON pointer; null if nothing is.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&NOTHING)
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    pub(crate) fn number(&self, pointer: &str) -> Option<u64> {
        self.at(pointer).as_u64()
    }

    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The pods' template, if this makes pods.
    pub(crate) fn pod(&self) -> Option<Self> {
        matches!(self.kind(), "Deployment" | "StatefulSet")
            .then(|| Self(self.at("/spec/template").clone()))
    }

    /// The labels, as they are told from.
    pub(crate) fn labels(&self) -> &Value {
        self.at("/metadata/labels")
    }
}

/// The values of a list of text.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a label selector picks what has `labels`.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = |(key, value): (&String, &Value)| labels.get(key) == Some(value);
    let matches = selector["matchLabels"].as_object().is_none_or(|wanted| wanted.iter().all(equal));
    let expressions = selector["matchExpressions"].as_array().map(Vec::as_slice);
    matches
        && expressions.unwrap_or_default().iter().all(|expression| {
            assert_eq!(expression["operator"], "In", "another operator: teach `selects`");
            let label = labels.get(expression["key"].as_str().unwrap_or_default());
            label.is_some_and(|label| expression["values"].as_array().unwrap().contains(label))
        })
}

/// Bytes of a quantity of memory or storage.
pub(crate) fn bytes(quantity: &str) -> u64 {
    let (number, unit) =
        quantity.split_at(quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len()));
    let factor = match unit {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "GB" => 1_000_000_000, // RabbitMQ's
        unit => panic!("another unit: {unit}"),
    };
    number.parse::<u64>().expect("a number") * factor
}
