//! Which rule of a policy decides about a container: the first that fits.

use api::sensor::{DriftAction, DriftPolicy, DriftRule};
use rules::syscall::{Bytes, Container};

/// What rules ask a container for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    pub(crate) cluster: Option<&'a str>,
    pub(crate) namespace: Option<&'a [u8]>,
    pub(crate) pod: Option<&'a [u8]>,
    pub(crate) labels: [&'a [(Bytes, Bytes)]; 2],
    pub(crate) image: &'a [u8],
    pub(crate) repository: &'a [u8],
}

impl<'a> Place<'a> {
    pub(crate) fn of(container: &'a Container, cluster: Option<&'a str>) -> Self {
        let pod = container.pod.as_ref();
        Self {
            cluster,
            namespace: pod.map(|pod| &*pod.namespace),
            pod: pod.map(|pod| &*pod.name),
            labels: [&container.labels, pod.map_or(&[], |pod| &pod.labels)],
            image: &container.image,
            repository: &container.repository,
        }
    }
}

/// What is done about a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) action: DriftAction,
    pub(crate) is_dry_run: bool,
    /// The rule that decided; none: nothing fits, which is an alert.
    pub(crate) rule: Option<String>,
    /// Paths that may run all the same.
    pub(crate) allow: Vec<String>,
}

impl Decision {
    pub(crate) fn allows(&self, path: &[u8]) -> bool {
        self.allow
            .iter()
            .any(|pattern| fits(pattern.as_bytes(), path))
    }
}

/// The first rule that fits decides.
pub(crate) fn decide(policy: &DriftPolicy, place: &Place<'_>) -> Decision {
    let rule = policy.rules.iter().find(|rule| applies(rule, place));
    rule.map_or_else(Decision::default, |rule| Decision {
        action: rule.action,
        is_dry_run: rule.dry_run,
        rule: Some(rule.name.clone()),
        allow: rule.allow.clone(),
    })
}

/// All that a rule names has to fit; what a container is not known to have
/// does not.
fn applies(rule: &DriftRule, place: &Place<'_>) -> bool {
    one_of(&rule.clusters, place.cluster.map(str::as_bytes))
        && one_of(&rule.namespaces, place.namespace)
        && one_of(&rule.pods, place.pod)
        && (rule.labels.is_empty() || rule.labels.iter().any(|label| has(label, place)))
        && (rule.images.is_empty()
            || one_of(&rule.images, Some(place.image))
            || one_of(&rule.images, Some(place.repository)))
}

fn one_of(patterns: &[String], text: Option<&[u8]>) -> bool {
    patterns.is_empty()
        || text.is_some_and(|text| {
            patterns
                .iter()
                .any(|pattern| fits(pattern.as_bytes(), text))
        })
}

/// `key=value` or `key`.
fn has(label: &str, place: &Place<'_>) -> bool {
    let (key, value) = match label.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (label, None),
    };
    place.labels.iter().copied().flatten().any(|(name, is)| {
        fits(key.as_bytes(), name) && value.is_none_or(|value| fits(value.as_bytes(), is))
    })
}

/// `*` stands for any characters, none included. Linear but for the last
/// star, whatever the pattern.
pub(crate) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(in_text) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(wanted) if wanted == byte => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((of_star, taken)) = star else {
                    return false;
                };
                star = Some((of_star, taken + 1));
                at = of_star + 1;
                in_text = taken + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rules::syscall::Pod;

    use super::*;

    fn bytes(text: &str) -> Bytes {
        text.as_bytes().into()
    }

    fn container(namespace: &str, image: &str) -> Container {
        Container {
            image: bytes(image),
            repository: bytes(image.split(':').next().unwrap()),
            labels: vec![(bytes("own"), bytes("1"))],
            pod: Some(Pod {
                namespace: bytes(namespace),
                name: bytes("web-1"),
                labels: vec![(bytes("app"), bytes("web"))],
                ..Pod::default()
            }),
            ..Container::default()
        }
    }

    fn rule(name: &str, action: DriftAction) -> DriftRule {
        DriftRule {
            name: name.to_owned(),
            action,
            ..DriftRule::default()
        }
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_none_is_an_alert() {
        let policy = DriftPolicy {
            rules: vec![
                DriftRule {
                    namespaces: list(&["kube-*"]),
                    ..rule("system", DriftAction::Ignore)
                },
                DriftRule {
                    images: list(&["registry.example/ci/*"]),
                    labels: list(&["app=w*", "other"]),
                    allow: list(&["/opt/*/bin/*"]),
                    dry_run: true,
                    ..rule("builds", DriftAction::Block)
                },
                DriftRule {
                    labels: list(&["own"]),
                    clusters: list(&["prod"]),
                    ..rule("labelled", DriftAction::Block)
                },
            ],
        };
        let decided = |namespace: &str, image: &str, cluster: Option<&str>| {
            let container = container(namespace, image);
            decide(&policy, &Place::of(&container, cluster))
        };
        let by = |namespace: &str, image: &str, cluster: Option<&str>| {
            decided(namespace, image, cluster).rule.unwrap_or_default()
        };
        assert_eq!(by("kube-system", "x", None), "system");
        assert_eq!(by("shop", "registry.example/ci/a:1", None), "builds");
        assert_eq!(by("shop", "nginx:1", Some("prod")), "labelled");
        assert_eq!(by("shop", "nginx:1", Some("test")), "");
        assert_eq!(decided("shop", "nginx:1", None).action, DriftAction::Alert);
        let builds = decided("shop", "registry.example/ci/a:1", None);
        assert!(builds.is_dry_run && builds.allows(b"/opt/x/bin/y"));
        assert!(!builds.allows(b"/tmp/opt/x/bin/y"));
        // Nothing is known of it yet: no rule that asks can fit.
        let unknown = Container::default();
        assert_eq!(decide(&policy, &Place::of(&unknown, None)).rule, None);
    }

    /// As the words say it, without care for time.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            Some((byte, rest)) => text.first() == Some(byte) && naive(rest, &text[1..]),
        }
    }

    fn naive_decision(policy: &DriftPolicy, place: &Place<'_>) -> Option<String> {
        for rule in &policy.rules {
            let any = |patterns: &[String], texts: &[&[u8]]| {
                let mut fits = patterns.is_empty();
                for pattern in patterns {
                    for text in texts {
                        fits |= naive(pattern.as_bytes(), text);
                    }
                }
                fits
            };
            let cluster: Vec<&[u8]> = place.cluster.map(str::as_bytes).into_iter().collect();
            let namespace: Vec<&[u8]> = place.namespace.into_iter().collect();
            let pod: Vec<&[u8]> = place.pod.into_iter().collect();
            if any(&rule.clusters, &cluster)
                && any(&rule.namespaces, &namespace)
                && any(&rule.pods, &pod)
                && any(&rule.images, &[place.image, place.repository])
            {
                return Some(rule.name.clone());
            }
        }
        None
    }

    fn patterns() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[ab*]{0,4}", 0..3)
    }

    proptest! {
        #[test]
        fn patterns_match_as_the_words_say(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                naive(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn the_first_that_fits_is_the_first_a_naive_reader_finds(
            rules in proptest::collection::vec(
                (patterns(), patterns(), patterns(), patterns()),
                0..6,
            ),
            cluster in proptest::option::of("[ab]{0,3}"),
            (namespace, pod, image) in ("[ab]{0,3}", "[ab]{0,3}", "[ab]{0,3}"),
            is_known in any::<bool>(),
        ) {
            let policy = DriftPolicy {
                rules: (0..)
                    .zip(rules)
                    .map(|(number, (clusters, namespaces, pods, images))| DriftRule {
                        name: format!("{number}"),
                        clusters,
                        namespaces,
                        pods,
                        images,
                        ..DriftRule::default()
                    })
                    .collect(),
            };
            let container = Container {
                image: bytes(&image),
                repository: bytes(&image),
                pod: is_known.then(|| Pod {
                    name: bytes(&pod),
                    namespace: bytes(&namespace),
                    ..Pod::default()
                }),
                ..Container::default()
            };
            let place = Place::of(&container, cluster.as_deref());
            prop_assert_eq!(decide(&policy, &place).rule, naive_decision(&policy, &place));
        }
    }

    #[test]
    fn a_pattern_of_stars_costs_no_time() {
        let pattern = "*a".repeat(2_000);
        assert!(!fits(pattern.as_bytes(), "b".repeat(20_000).as_bytes()));
    }
}
