//! What Docker Engine says of itself (`/version`, `/info`, its default
//! network, and its swarm where it manages one).
//!
//! Answers are read loosely: engines of ten years and Podman differ in
//! what they say, and whatever is missing stays unknown.

use fetch::Response;
use policy::facts::{DaemonFacts, SwarmFacts};
use serde_json::Value;

use crate::{Access, ConnectError, Endpoint};

/// Bytes of one answer.
const LARGEST: u64 = 4 << 20;
/// A text is cut here, a list there.
const LONGEST: usize = 200;
const MOST: usize = 100;

/// What the engine said, and what it warns of.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) daemon: DaemonFacts,
    /// Network addresses it says it answers on without TLS.
    pub(crate) plain: Option<Vec<String>>,
    /// Those where it verifies no client.
    pub(crate) unverified: Option<Vec<String>>,
    /// What could not be asked.
    pub(crate) gaps: Vec<String>,
}

pub(crate) fn ask(access: &Access, endpoint: &Endpoint) -> Result<Told, ConnectError> {
    let version = json(access, endpoint, "its version", "version")?;
    let info = json(access, endpoint, "what it is", "info")?;
    let mut told = of(&version, &info);
    match json(access, endpoint, "its default network", "networks/bridge") {
        Ok(network) => told.daemon.inter_container = inter_container(&network),
        // A daemon may be started without one.
        Err(ConnectError::Refused { .. }) => {}
        Err(error) => told.gaps.push(error.explain()),
    }
    if let Some(swarm) = &mut told.daemon.swarm
        && swarm.is_active
        && swarm.is_manager
    {
        match json(access, endpoint, "its swarm", "swarm") {
            Ok(settings) => complete(swarm, &settings),
            Err(error) => told.gaps.push(error.explain()),
        }
        match json(access, endpoint, "its networks", "networks") {
            Ok(networks) => swarm.plain_networks = plain_networks(&networks),
            Err(error) => told.gaps.push(error.explain()),
        }
    }
    Ok(told)
}

pub(crate) fn json(
    access: &Access,
    endpoint: &Endpoint,
    what: &'static str,
    path: &str,
) -> Result<Value, ConnectError> {
    let refuse = |answer: String| ConnectError::Refused {
        address: access.name(),
        what,
        answer,
    };
    let url = endpoint
        .base
        .join(path)
        .map_err(|error| refuse(error.to_string()))?;
    let response = endpoint
        .client
        .get(&url)
        .send()
        .map_err(|error| match error {
            fetch::FetchError::Timeout { seconds, .. } => ConnectError::Timeout {
                address: access.name(),
                seconds,
            },
            error => refuse(model::error::chain(&error)),
        })?;
    if !response.is_success() {
        return Err(refuse(refusal(response)));
    }
    response
        .json(LARGEST)
        .map_err(|error| refuse(model::error::chain(&error)))
}

/// The engine's words, or the status.
fn refusal(response: Response) -> String {
    let status = response.status;
    response
        .json::<Value>(LARGEST)
        .ok()
        .and_then(|answer| Some(cut(answer.get("message")?.as_str()?)))
        .unwrap_or_else(|| format!("status {status}"))
}

pub(crate) fn cut(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect()
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| cut(text))
}

fn flag(value: &Value, pointer: &str) -> Option<bool> {
    value.pointer(pointer)?.as_bool()
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}

/// A list of texts; JSON's `null` is an empty one, as the engine means it.
fn list(value: &Value, pointer: &str) -> Option<Vec<String>> {
    let listed = match value.pointer(pointer)? {
        Value::Null => &[][..],
        Value::Array(listed) => listed.as_slice(),
        _ => return None,
    };
    let words = listed.iter().filter_map(Value::as_str).take(MOST);
    Some(words.map(cut).collect())
}

fn of(version: &Value, info: &Value) -> Told {
    let warnings = list(info, "/Warnings");
    let told = |end: &str| {
        let warnings = warnings.as_ref()?;
        Some(
            warnings
                .iter()
                .filter_map(|text| address(text, end))
                .collect(),
        )
    };
    Told {
        plain: told("without encryption"),
        unverified: told("without TLS client verification"),
        daemon: DaemonFacts {
            version: text(version, "/Version")
                .or_else(|| text(info, "/ServerVersion"))
                .unwrap_or_default(),
            api_version: text(version, "/ApiVersion"),
            os: text(info, "/OperatingSystem"),
            kernel: text(info, "/KernelVersion"),
            root: text(info, "/DockerRootDir"),
            storage_driver: text(info, "/Driver"),
            logging_driver: text(info, "/LoggingDriver"),
            security: list(info, "/SecurityOptions")
                .map(|options| options.iter().map(|option| security(option)).collect()),
            insecure_registries: insecure(info),
            authorization: match info.pointer("/Plugins") {
                Some(Value::Object(plugins)) if !plugins.contains_key("Authorization") => {
                    Some(Vec::new())
                }
                _ => list(info, "/Plugins/Authorization"),
            },
            live_restore: flag(info, "/LiveRestoreEnabled"),
            experimental: flag(info, "/ExperimentalBuild"),
            inter_container: None,
            containers: number(info, "/Containers"),
            running: number(info, "/ContainersRunning"),
            images: number(info, "/Images"),
            swarm: info.pointer("/Swarm").map(|swarm| SwarmFacts {
                is_active: text(swarm, "/LocalNodeState")
                    .is_some_and(|state| state == "active" || state == "locked"),
                is_manager: flag(swarm, "/ControlAvailable").unwrap_or(false),
                managers: number(swarm, "/Managers").unwrap_or(0),
                nodes: number(swarm, "/Nodes").unwrap_or(0),
                ..SwarmFacts::default()
            }),
        },
        gaps: Vec::new(),
    }
}

/// `name=seccomp,profile=default` as `seccomp=default`.
fn security(option: &str) -> String {
    let mut name = option;
    let mut profile = None;
    for part in option.split(',') {
        match part.split_once('=') {
            Some(("name", value)) => name = value,
            Some(("profile", value)) => profile = Some(value),
            _ => {}
        }
    }
    match profile {
        Some(profile) => format!("{name}={profile}"),
        None => name.to_owned(),
    }
}

/// The address in "API is accessible on <http://0.0.0.0:2375> without …".
fn address(warning: &str, end: &str) -> Option<String> {
    let (_, rest) = warning.split_once("accessible on ")?;
    let (address, rest) = rest.split_once(' ')?;
    if !rest.trim_start().starts_with(end) {
        return None;
    }
    let (_, address) = address.split_once("://")?;
    Some(format!("tcp://{address}"))
}

/// Registries that are not verified. Loopback never leaves the machine.
fn insecure(info: &Value) -> Option<Vec<String>> {
    let config = info.pointer("/RegistryConfig")?;
    let ranges = list(config, "/InsecureRegistryCIDRs").unwrap_or_default();
    let mut insecure: Vec<String> = ranges
        .into_iter()
        .filter(|range| !range.starts_with("127.") && range != "::1/128")
        .collect();
    let indexes = config.pointer("/IndexConfigs").and_then(Value::as_object);
    for (name, index) in indexes.into_iter().flatten().take(MOST) {
        if flag(index, "/Secure") == Some(false) {
            insecure.push(cut(name));
        }
    }
    Some(insecure)
}

/// Whether containers of the default network reach each other; the
/// network does not say where that is the default.
fn inter_container(network: &Value) -> Option<bool> {
    let options = network.pointer("/Options")?;
    match options
        .get("com.docker.network.bridge.enable_icc")?
        .as_str()?
    {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn complete(swarm: &mut SwarmFacts, settings: &Value) {
    const DAY_NANOSECONDS: u64 = 24 * 60 * 60 * 1_000_000_000;
    swarm.is_locked =
        Some(flag(settings, "/Spec/EncryptionConfig/AutoLockManagers").unwrap_or(false));
    swarm.certificate_days =
        number(settings, "/Spec/CAConfig/NodeCertExpiry").map(|time| time / DAY_NANOSECONDS);
}

fn plain_networks(networks: &Value) -> Option<Vec<String>> {
    let plain = networks.as_array()?.iter().filter(|network| {
        text(network, "/Driver").as_deref() == Some("overlay")
            // The swarm's own.
            && flag(network, "/Ingress") != Some(true)
            && network.pointer("/Options/encrypted").is_none()
    });
    Some(
        plain
            .filter_map(|network| text(network, "/Name"))
            .take(MOST)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_engine_says_is_read() {
        let version = json!({"Version": "20.10.24", "ApiVersion": "1.41"});
        let info = json!({
            "Driver": "overlay2", "LoggingDriver": "json-file", "LiveRestoreEnabled": false,
            "ExperimentalBuild": false, "Containers": 3, "ContainersRunning": 2, "Images": 7,
            "SecurityOptions": ["name=seccomp,profile=default", "name=userns"],
            "Plugins": {"Volume": ["local"], "Authorization": null},
            "RegistryConfig": {
                "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.0.0.0/8"],
                "IndexConfigs": {
                    "docker.io": {"Secure": true}, "registry.test:5000": {"Secure": false}
                }
            },
            "Swarm": {"LocalNodeState": "active", "ControlAvailable": true, "Managers": 1,
                "Nodes": 2},
            "Warnings": [
                "WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n  Access",
                "WARNING: API is accessible on https://10.0.0.5:2376 without TLS client \
                 verification.\n",
                "WARNING: No swap limit support"
            ],
        });
        let told = of(&version, &info);
        assert_eq!(told.plain.unwrap(), ["tcp://0.0.0.0:2375"]);
        assert_eq!(told.unverified.unwrap(), ["tcp://10.0.0.5:2376"]);
        let daemon = told.daemon;
        assert_eq!(daemon.version, "20.10.24");
        assert_eq!(daemon.security.unwrap(), ["seccomp=default", "userns"]);
        assert_eq!(daemon.authorization.unwrap(), [""; 0]);
        assert_eq!(
            daemon.insecure_registries.unwrap(),
            ["10.0.0.0/8", "registry.test:5000"]
        );
        let mut swarm = daemon.swarm.unwrap();
        assert!(swarm.is_active && swarm.is_manager);
        complete(
            &mut swarm,
            &json!({"Spec": {"EncryptionConfig": {"AutoLockManagers": true},
                "CAConfig": {"NodeCertExpiry": 7_776_000_000_000_000_u64}}}),
        );
        assert_eq!(
            (swarm.is_locked, swarm.certificate_days),
            (Some(true), Some(90))
        );
    }

    #[test]
    fn what_it_does_not_say_stays_unknown() {
        let told = of(
            &json!({}),
            &json!({"Warnings": null, "Driver": 7, "Swarm": []}),
        );
        assert_eq!(told.plain, Some(Vec::new()));
        assert_eq!(told.daemon.storage_driver, None);
        assert_eq!(told.daemon.security, None);
        assert_eq!(told.daemon.insecure_registries, None);
        assert_eq!(of(&json!(null), &json!([])).plain, None);
    }

    #[test]
    fn networks_say_whether_containers_talk_and_whether_they_are_encrypted() {
        let icc = |value: &str| json!({"Options": {"com.docker.network.bridge.enable_icc": value}});
        assert_eq!(inter_container(&icc("false")), Some(false));
        assert_eq!(inter_container(&json!({"Options": {}})), None);
        let networks = json!([
            {"Name": "ingress", "Driver": "overlay", "Ingress": true, "Options": {}},
            {"Name": "a", "Driver": "overlay", "Options": {"encrypted": ""}},
            {"Name": "b", "Driver": "overlay", "Options": {}},
            {"Name": "bridge", "Driver": "bridge"},
        ]);
        assert_eq!(plain_networks(&networks).unwrap(), ["b"]);
    }
}
