//! GitHub's registry: events of packages, signed.
//!
//! References: docs.github.com, "Webhook events and payloads"
//! (`registry_package`, `package`), "Validating webhook deliveries".

use jiff::Timestamp;
use serde::Deserialize;

use super::{Refusal, Told, What, digest, fingerprint_of, parse, present};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    action: String,
    #[serde(default, alias = "package")]
    registry_package: Option<Package>,
    #[serde(default)]
    sender: Option<Login>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default, rename = "package_type")]
    kind: String,
    #[serde(default)]
    owner: Option<Login>,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default, rename = "package_version")]
    pushed: Option<Version>,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    login: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default, rename = "version")]
    digest: Option<String>,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default)]
    container_metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    tag: Option<Tag>,
    #[serde(default)]
    manifest: Option<Manifest>,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    digest: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Told>, Refusal> {
    // Its delivery's number is in a header, which is not signed.
    let id = fingerprint_of(body);
    let body: Body = parse(body)?;
    // A ping, or an event of something else.
    let Some(package) = body.registry_package else {
        return Ok(Vec::new());
    };
    if !package.kind.eq_ignore_ascii_case("container")
        && !package.kind.eq_ignore_ascii_case("docker")
    {
        return Ok(Vec::new());
    }
    let what = match body.action.as_str() {
        "published" | "updated" => What::Push,
        "deleted" => What::Delete,
        _ => return Ok(Vec::new()),
    };
    let owner = present(package.owner.map(|owner| owner.login)).or(present(package.namespace));
    let owner =
        owner.ok_or_else(|| Refusal::NotUnderstood("the package has no owner".to_owned()))?;
    let version = package.pushed;
    let times = [
        version.as_ref().and_then(|version| version.updated_at),
        version.as_ref().and_then(|version| version.created_at),
        package.updated_at,
        package.created_at,
    ];
    let time = times
        .into_iter()
        .flatten()
        .max()
        .ok_or_else(|| Refusal::NotUnderstood("the package has no time".to_owned()))?;
    let (mut tag, mut stated, mut media_type) = (None, None, None);
    if let Some(version) = version {
        stated = version.digest;
        if let Some(metadata) = version.container_metadata {
            if let Some(found) = metadata.tag {
                tag = present(found.name);
                stated = present(found.digest).or(stated);
            }
            if let Some(manifest) = metadata.manifest {
                stated = present(manifest.digest).or(stated);
                media_type = present(manifest.media_type);
            }
        }
    }
    Ok(vec![Told {
        // GitHub's names have capitals, its registry's have none.
        repository: format!("{owner}/{}", package.name).to_lowercase(),
        tag,
        digest: digest(stated.as_deref()),
        media_type,
        what,
        time,
        id,
        actor: present(body.sender.map(|sender| sender.login)),
        origin: None,
    }])
}
