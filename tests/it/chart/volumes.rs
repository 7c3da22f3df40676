//! What volumes of pods are made of.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Volume {
    pub name: String,
    #[serde(flatten)]
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    #[serde(rename = "downwardAPI")]
    Downward(Downward),
    Secret(Held),
    ConfigMap(Held),
    Projected {
        sources: Vec<Projection>,
    },
    EmptyDir(Value),
    PersistentVolumeClaim(Value),
}

/// What a pod tells itself: its own annotations as files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Downward {
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    pub path: String,
    field_ref: FieldRef,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FieldRef {
    field_path: String,
}

impl Item {
    /// The annotation that it is.
    pub fn annotation(&self) -> &str {
        let name = self.field_ref.field_path.strip_prefix("metadata.annotations['");
        name.and_then(|name| name.strip_suffix("']")).unwrap()
    }
}

/// A Secret or a ConfigMap: all its keys, or those that are named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Held {
    #[serde(alias = "secretName")]
    pub name: String,
    pub items: Option<Vec<Picked>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picked {
    pub key: String,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Projection {
    ServiceAccountToken(Projected),
    ConfigMap(Held),
}

/// A token of the pod's service account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Projected {
    pub path: String,
    /// The API server itself without one.
    pub audience: Option<String>,
    pub expiration_seconds: i64,
}
