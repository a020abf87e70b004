//! Version orders: two texts compared forwards and backwards mirror each
//! other, whatever they are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::VersionScheme;
use vulns::version::{compare, range};

const SCHEMES: [VersionScheme; 11] = [
    VersionScheme::Dpkg,
    VersionScheme::Rpm,
    VersionScheme::Apk,
    VersionScheme::Semver,
    VersionScheme::Crates,
    VersionScheme::Go,
    VersionScheme::Pep440,
    VersionScheme::Maven,
    VersionScheme::RubyGems,
    VersionScheme::NuGet,
    VersionScheme::Composer,
];

fuzz_target!(|texts: (&str, &str, &str)| {
    let (a, b, c) = texts;
    for scheme in SCHEMES {
        let order = compare(scheme, a, b);
        assert_eq!(order.map(|order| order.reverse()), compare(scheme, b, a));
        // Maven's own rules are not transitive in their corners.
        if let (Some(first), Some(second)) = (order, compare(scheme, b, c))
            && first == second
            && scheme != VersionScheme::Maven
        {
            assert_eq!(compare(scheme, a, c), Some(first));
        }
        let events = [range::Event::Introduced(a), range::Event::Fixed(b)];
        let _ = range::affected(scheme, events, [c], c);
        let _ = range::in_events(scheme, events, c);
    }
});
