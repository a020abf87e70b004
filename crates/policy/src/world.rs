//! What is known around an object that is judged.
//!
//! Whoever watches a cluster keeps one of these up to date; a check of
//! files makes one of the files. Everything here is cheap to share: a
//! review borrows it, and what an evaluation needs beyond its own thread
//! is behind an `Arc`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{inventory::Inventory, review::Kind, trust::Trust};

/// What is known around an object.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What policies read as `data.inventory`.
    pub inventory: Inventory,
    /// Kinds, as [`Policies::inventory_kinds`](crate::Policies::inventory_kinds)
    /// names them, that `inventory` does not hold whole yet. A policy that
    /// looks one up fails: what it would say of what is missing is made up.
    pub unseen: Arc<BTreeSet<Kind>>,
    /// `Namespace` objects by name: selectors ask for their labels.
    pub namespaces: BTreeMap<String, Arc<Value>>,
    /// What is known of images, by the reference a pod names. A policy
    /// reads `data.seawall.images[reference]`; it sees those the object
    /// it judges names, and of an unknown one nothing.
    pub images: Arc<BTreeMap<String, ImageState>>,
    /// Whose signatures images need, and which have them. A policy reads
    /// `data.seawall.trust[reference]`; of an image no trust policy holds
    /// for there is nothing.
    pub trust: Arc<Trust>,
    /// Asks external data providers; nobody does where this is absent.
    pub external: Option<Arc<dyn ExternalData>>,
    /// Nanoseconds since 1970: what `time.now_ns()` answers.
    pub now_ns: i64,
}

impl World {
    /// The `Namespace` object of this name, where it is known.
    pub fn namespace(&self, name: &str) -> Option<&Value> {
        self.namespaces.get(name).map(Arc::as_ref)
    }
}

/// What scans said of one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageState {
    /// It was scanned, and the rest holds.
    pub scanned: bool,
    pub critical: u64,
    pub high: u64,
    /// Of the critical and high ones, those that an upgrade closes.
    pub fixable: u64,
    /// Vulnerabilities known to be exploited.
    pub exploited: u64,
    /// Every trust policy that holds for it is satisfied; absent where
    /// none does, and where nobody looked. Told of references in full
    /// by `data.seawall.trust`.
    pub signed: Option<bool>,
}

/// Answers `external_data` in policies. Called from evaluating threads:
/// an implementation answers from its cache, or within its own deadline.
pub trait ExternalData: std::fmt::Debug + Send + Sync {
    /// Asks `provider` for `keys`. The answer is in Gatekeeper's shape:
    /// `{"responses": [[key, value]], "errors": [[key, error]],
    /// "status_code": 200, "system_error": ""}`. Beside it, `"idempotent":
    /// false` says that the same question may have another answer; policies
    /// do not see that, and mutators take no such answer.
    fn ask(&self, provider: &str, keys: &[String]) -> Value;

    /// How long one question takes at most: so much longer may the
    /// evaluation that asks.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Providers that gave no answer when they were last asked, by name,
    /// and why.
    fn troubles(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The images that containers of an object, or of the pods it makes, name.
pub fn image_names(object: &Value) -> Vec<&str> {
    const SPECS: &[&str] = &[
        "/spec",
        "/spec/template/spec",
        "/spec/jobTemplate/spec/template/spec",
    ];
    let mut names = Vec::new();
    for spec in SPECS.iter().filter_map(|path| object.pointer(path)) {
        for field in ["containers", "initContainers", "ephemeralContainers"] {
            let containers = spec.get(field).and_then(Value::as_array);
            for container in containers.into_iter().flatten() {
                if let Some(image) = container.get("image").and_then(Value::as_str) {
                    names.push(image);
                }
            }
        }
    }
    names
}
