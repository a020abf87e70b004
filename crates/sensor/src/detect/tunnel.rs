//! Data leaves by the domain name system, or names are made by a machine.
//!
//! # What
//! For each container or session and each registered domain: how many
//! different names below it were asked for within five minutes, and how
//! long and how random they are. Many long random ones are a tunnel. And
//! for each container: how many random-looking domains were asked for that
//! do not exist, as malware does that looks for its masters.
//!
//! # Why
//! Name resolution is open where everything else is closed: what is asked
//! reaches the server of whoever owns the domain, and its answers come
//! back.
//!
//! # Limits
//! [`MAX_DOMAINS`] domains and [`MAX_ASKERS`] askers. Different names are
//! counted by a bitmap of 512, good to a few in a hundred up to some
//! hundreds. Slow tunnels, below [`UNIQUE`] names in five minutes, are not
//! seen. What large providers do with long names by design is left out.
//!
//! # References
//! ATT&CK T1071.004, T1048, T1568.002.

use api::Severity;

use super::{
    bounded::Bounded,
    history::Whose,
    suspicion::{Suspicion, Text},
    text,
};
use crate::context::Lookup;

const MAX_DOMAINS: usize = 1_024;
const MAX_ASKERS: usize = 512;
/// Nanoseconds.
const WINDOW: i64 = 300_000_000_000;
const QUIET: i64 = 3_600_000_000_000;
/// Different names below one domain.
const UNIQUE: f64 = 50.0;
/// How long the part below the domain is, on average.
const LENGTH: u64 = 24;
/// Bits each character carries, on average.
const RANDOM: f64 = 3.2;
/// Domains that do not exist and look made.
const MADE_UP: usize = 15;

pub(super) static TUNNEL: Text = Text {
    id: "K8S.NODE_DnsTunnel",
    on_host: "VM_DnsTunnel",
    title: "Data is likely carried by name resolution",
    description: "Many different long and random names below one domain were asked for within \
                  minutes, as tunnels over the domain name system do.",
    severity: Severity::Medium,
    tactics: &["exfiltration", "command_and_control"],
    techniques: &["T1071.004", "T1048"],
    matrix: &[],
    why: "Name resolution gets out of networks nothing else gets out of. What is written into \
          the names arrives at whoever owns the domain, and answers bring orders back.",
    fix: "1. See who asked, and for what domain.\n\
          2. Refuse the domain in the resolver; then stop the container.\n   ```sh\n   \
          kubectl -n kube-system edit configmap coredns\n   ```\n\
          3. Assume that what the workload could read has left.",
    false_positives: "Reputation and block list services that are asked by name, some security \
                      agents and content networks.",
    references: &["https://attack.mitre.org/techniques/T1071/004/"],
};

pub(super) static GENERATED: Text = Text {
    id: "K8S.NODE_DnsGenerated",
    on_host: "VM_DnsGenerated",
    title: "Names that look made by a machine are asked for",
    description: "Many different random-looking domains that do not exist were asked for within \
                  minutes.",
    severity: Severity::Medium,
    tactics: &["command_and_control"],
    techniques: &["T1568.002"],
    matrix: &[],
    why: "Malware that must survive the loss of its servers computes hundreds of names a day \
          and tries them until one exists.",
    fix: "1. See which program asked.\n\
          2. Take the container away from the network and keep its files to look at.",
    false_positives: "Browsers that test for captured networks, mistyped search domains.",
    references: &["https://attack.mitre.org/techniques/T1568/002/"],
};

pub(super) static TEXTS: [&Text; 2] = [&TUNNEL, &GENERATED];

/// Long names by design.
const KNOWN: [&[u8]; 16] = [
    b"cluster.local",
    b"in-addr.arpa",
    b"ip6.arpa",
    b"amazonaws.com",
    b"cloudfront.net",
    b"akamaiedge.net",
    b"akamai.net",
    b"akadns.net",
    b"azure.com",
    b"azure.net",
    b"windows.net",
    b"googleusercontent.com",
    b"googleapis.com",
    b"trafficmanager.net",
    b"sophosxl.net",
    b"spamhaus.org",
];

/// Second parts under which countries register.
const SECOND: [&[u8]; 8] = [b"co", b"com", b"net", b"org", b"gov", b"ac", b"edu", b"or"];

#[derive(Debug)]
struct Domain {
    since: i64,
    names: [u64; 8],
    asked: u64,
    length: u64,
    randomness: f64,
    quiet_until: i64,
}

#[derive(Debug, Default)]
struct Asker {
    missing: Vec<(u64, i64)>,
    quiet_until: i64,
}

#[derive(Debug)]
pub(super) struct Tunnel {
    domains: Bounded<(Whose, Box<[u8]>), Domain>,
    askers: Bounded<Whose, Asker>,
}

impl Default for Tunnel {
    fn default() -> Self {
        Self {
            domains: Bounded::new(MAX_DOMAINS),
            askers: Bounded::new(MAX_ASKERS),
        }
    }
}

impl Tunnel {
    pub(super) fn see(&mut self, whose: Whose, lookup: &Lookup<'_>) -> Option<Suspicion> {
        if KNOWN.iter().any(|known| is_below(lookup.name, known)) {
            return None;
        }
        let (below, domain) = split(lookup.name)?;
        if lookup.is_answer {
            return (lookup.code == 3)
                .then(|| self.missing(whose, domain, lookup))
                .flatten();
        }
        if below.is_empty() || domain.len() > 128 {
            return None;
        }
        let known = self.domains.entry(&(whose, domain.into()), || Domain {
            since: lookup.time,
            names: [0; 8],
            asked: 0,
            length: 0,
            randomness: 0.0,
            quiet_until: i64::MIN,
        })?;
        if !(0..WINDOW).contains(&(lookup.time - known.since)) {
            known.since = lookup.time;
            known.names = [0; 8];
            known.asked = 0;
            known.length = 0;
            known.randomness = 0.0;
        }
        let hash = hash(below);
        let bit = 1_u64 << (hash & 63);
        if let Some(word) = known.names.get_mut((hash >> 6) as usize & 7)
            && *word & bit == 0
        {
            // Each name is looked at once.
            *word |= bit;
            known.asked += 1;
            known.length += below.len() as u64;
            known.randomness += entropy(below);
        }
        let unique = unique(&known.names);
        if unique < UNIQUE || lookup.time < known.quiet_until || known.asked == 0 {
            return None;
        }
        let length = known.length / known.asked;
        #[expect(clippy::cast_precision_loss, reason = "at most 512")]
        let randomness = known.randomness / known.asked as f64;
        if length < LENGTH || randomness < RANDOM {
            return None;
        }
        known.quiet_until = lookup.time + QUIET;
        let domain = text::bytes(domain, 128);
        Some(
            Suspicion::new(
                &TUNNEL,
                format!(
                    "About {unique:.0} different names of {length} characters below {domain} \
                     were asked for within five minutes"
                ),
            )
            .field("dns.domain", domain)
            .field("dns.last", text::bytes(lookup.name, 253))
            .field("dns.type", lookup.kind.to_string())
            .field("dns.unique", format!("{unique:.0}"))
            .field("dns.entropy", format!("{randomness:.1}")),
        )
    }

    fn missing(&mut self, whose: Whose, domain: &[u8], lookup: &Lookup<'_>) -> Option<Suspicion> {
        let label = domain.split(|byte| *byte == b'.').next()?;
        if label.len() < 10 || entropy(label) < 3.0 || is_readable(label) {
            return None;
        }
        let asker = self.askers.entry(&whose, Asker::default)?;
        if lookup.time < asker.quiet_until {
            return None;
        }
        asker
            .missing
            .retain(|(_, time)| (0..WINDOW).contains(&(lookup.time - time)));
        let hash = hash(domain);
        if asker.missing.iter().all(|(known, _)| *known != hash) {
            asker.missing.push((hash, lookup.time));
        }
        if asker.missing.len() < MADE_UP {
            return None;
        }
        asker.missing.clear();
        asker.quiet_until = lookup.time + QUIET;
        Some(
            Suspicion::new(
                &GENERATED,
                format!(
                    "{MADE_UP} random-looking domains that do not exist were asked for within \
                     five minutes, the last was {}",
                    text::bytes(domain, 128)
                ),
            )
            .field("dns.last", text::bytes(lookup.name, 253)),
        )
    }
}

/// Whether a name is a domain or below it.
pub(super) fn is_below(name: &[u8], domain: &[u8]) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|before| before.is_empty() || before.ends_with(b"."))
}

/// What is below the registered domain, and that. Without a list of all
/// suffixes that is a guess, and a good one.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut dots = name
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'.')
        .map(|(at, _)| at);
    let last = dots.next()?;
    let Some(second) = dots.next() else {
        return Some((b"", name));
    };
    let is_country = name.len() - last == 3
        && name
            .get(second + 1..last)
            .is_some_and(|part| SECOND.contains(&part));
    let begin = if is_country {
        dots.next()
    } else {
        Some(second)
    };
    match begin {
        Some(begin) => Some((name.get(..begin)?, name.get(begin + 1..)?)),
        None => Some((b"", name)),
    }
}

fn hash(text: &[u8]) -> u64 {
    // FNV, mixed once more: the low bits are used.
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// How many different ones left this many bits (linear counting).
fn unique(names: &[u64; 8]) -> f64 {
    let zeros: u32 = names.iter().map(|word| word.count_zeros()).sum();
    512.0 * (512.0 / f64::from(zeros.max(1))).ln()
}

/// Bits each character carries.
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    let mut length = 0_u32;
    for byte in text.iter().filter(|byte| **byte != b'.') {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
        length += 1;
    }
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / f64::from(length);
            -share * share.log2()
        })
        .sum()
}

/// Words have vowels, and hyphens between them.
fn is_readable(label: &[u8]) -> bool {
    if label.contains(&b'-') {
        return true;
    }
    let vowels = label
        .iter()
        .filter(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y'))
        .count();
    let digits = label.iter().filter(|byte| byte.is_ascii_digit()).count();
    vowels * 4 >= label.len() && digits * 4 < label.len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::made;

    /// Text that looks random and is the same each time.
    fn random(seed: u64, length: usize) -> String {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(state >> 40) as usize % 32])
            })
            .collect()
    }

    fn ask(names: impl Iterator<Item = String>, answer: Option<u8>) -> Vec<Suspicion> {
        let process = Arc::new(made::process(151, "/usr/bin/dig", &[]));
        let mut analytic = Tunnel::default();
        names
            .filter_map(|name| {
                let lookup = made::lookup(&process, &name, 16, answer);
                analytic.see(Whose::of(&process), &lookup)
            })
            .collect()
    }

    #[test]
    fn many_long_random_names_below_a_domain_are_a_tunnel_told_once() {
        let names = (0..300).map(|it| format!("{}.t.example.co.uk", random(it, 40)));
        let found = ask(names, None);
        assert_eq!(found.len(), 1);
        let summary = &found[0].summary;
        assert!(summary.contains("below example.co.uk"), "{summary}");
    }

    #[test]
    fn what_programs_ask_for_is_no_tunnel() {
        let short = (0..300).map(|it| format!("host-{it}.example.org"));
        assert!(ask(short, None).is_empty());
        let cluster = (0..300).map(|it| format!("{}.shop.svc.cluster.local", random(it, 40)));
        assert!(ask(cluster, None).is_empty());
        let same = (0..3000).map(|it| format!("{}.example.org", random(it % 30, 40)));
        assert!(ask(same, None).is_empty());
        let one_each = (0..300).map(|it| format!("www.{}.org", random(it, 40)));
        assert!(ask(one_each, None).is_empty());
    }

    #[test]
    fn random_domains_that_do_not_exist_are_made_by_a_machine() {
        let names = || (0..100).map(|it| format!("{}.net", random(it, 16)));
        assert_eq!(ask(names(), Some(3)).len(), 1);
        assert!(ask(names(), Some(0)).is_empty());
        let mistyped = [
            "registry",
            "metrics-server-headless",
            "authenticator",
            "example",
        ];
        let words = mistyped.iter().cycle().take(200).enumerate();
        let words = words.map(|(at, word)| format!("{word}{}.example", at % 7));
        assert!(ask(words, Some(3)).is_empty());
    }

    #[test]
    fn names_are_split_where_they_are_registered() {
        for (name, below, domain) in [
            ("a.b.example.org", "a.b", "example.org"),
            ("example.org", "", "example.org"),
            ("a.example.co.uk", "a", "example.co.uk"),
            ("example.co.uk", "", "example.co.uk"),
            ("a..b", "a", ".b"),
        ] {
            let (left, right) = split(name.as_bytes()).unwrap();
            assert_eq!(
                (left, right),
                (below.as_bytes(), domain.as_bytes()),
                "{name}"
            );
        }
        assert_eq!(split(b"localhost"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_judged(name in proptest::collection::vec(0_u8.., 0..300)) {
            split(&name);
            entropy(&name);
            is_readable(&name);
        }
    }
}
