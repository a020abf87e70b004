//! The ways one image may be named.

use std::collections::BTreeSet;

/// Every way a pod may name what `reference` names: with and without the
/// registry and the tag that go without saying, and by digest.
pub fn spellings(reference: &str, digest: Option<&str>) -> BTreeSet<String> {
    let (named, own_digest) = match reference.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (reference, None),
    };
    let slash = named.rfind('/').map_or(0, |place| place + 1);
    let (repository, tag) = match named.get(slash..).and_then(|last| last.rfind(':')) {
        Some(colon) => named.split_at(slash + colon),
        None => (named, ""),
    };
    let tag = tag.trim_start_matches(':');
    let first = repository.split('/').next().unwrap_or_default();
    let has_registry =
        repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let path = match (has_registry, first) {
        (false, _) => Some(repository),
        (true, "docker.io" | "index.docker.io") => repository.split_once('/').map(|(_, path)| path),
        (true, _) => None,
    };
    let mut repositories = vec![repository.to_owned()];
    if let Some(path) = path {
        let short = path.strip_prefix("library/").unwrap_or(path);
        repositories.extend([
            path.to_owned(),
            format!("docker.io/{path}"),
            short.to_owned(),
        ]);
        if !short.contains('/') {
            repositories.push(format!("docker.io/library/{short}"));
            repositories.push(format!("library/{short}"));
        }
    }
    let mut all = BTreeSet::new();
    for repository in repositories {
        if own_digest.is_none() || !tag.is_empty() {
            match tag {
                "" | "latest" => {
                    all.insert(repository.clone());
                    all.insert(format!("{repository}:latest"));
                }
                tag => {
                    all.insert(format!("{repository}:{tag}"));
                }
            }
        }
        for digest in own_digest.iter().chain(&digest) {
            all.insert(format!("{repository}@{digest}"));
            if !tag.is_empty() {
                all.insert(format!("{repository}:{tag}@{digest}"));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_every_spelling_of_its_name() {
        let all = spellings("nginx:latest", Some("sha256:aa"));
        for name in [
            "nginx",
            "nginx:latest",
            "library/nginx",
            "docker.io/library/nginx:latest",
            "nginx@sha256:aa",
            "docker.io/library/nginx:latest@sha256:aa",
        ] {
            assert!(all.contains(name), "{name} in {all:?}");
        }
        let all = spellings("registry.example:5000/shop/web:1.2", None);
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert_eq!(all, ["registry.example:5000/shop/web:1.2"]);
        let all = spellings("docker.io/grafana/loki:3", None);
        assert!(all.contains("grafana/loki:3") && !all.contains("grafana/loki"));
        assert!(!spellings("web@sha256:bb", None).contains("web"));
    }
}
