//! Groups, and the containers they are of.

use super::*;

fn made(id: u64, path: &str) -> Made<'_> {
    Made {
        hierarchy: 0,
        id,
        path: path.as_bytes(),
        hint: None,
        is_kept: false,
        time: 5,
    }
}

#[test]
fn a_full_table_refuses_and_counts() {
    let mut containers = Containers::new(8, 3);
    for number in 0..5u64 {
        let path = format!("/docker/{number:064x}");
        containers.made(&made(100 + number, &path));
    }
    assert_eq!(containers.sizes().1, 3);
    assert_eq!(
        containers.counts,
        Counts {
            seen: 3,
            refused: 2
        }
    );
    // One that ended makes room at once.
    assert!(containers.removed(0, 100, b"", 0).is_some());
    let path = format!("/docker/{:064x}", 9);
    assert!(containers.made(&made(200, &path)).is_some());
    assert_eq!(containers.sizes().1, 3);
}

#[test]
fn groups_within_a_container_are_its_own_until_the_last_is_gone() {
    let mut containers = Containers::new(8, 30);
    let id = "a".repeat(64);
    let (index, _) = containers
        .made(&made(10, &format!("/docker/{id}")))
        .unwrap();
    let inner = "b".repeat(64);
    let within = format!("/docker/{id}/docker/{inner}");
    assert_eq!(containers.made(&made(11, &within)), Some((index, false)));
    assert_eq!(
        containers.get(index).unwrap().known.inner.as_deref(),
        Some(inner.as_bytes())
    );
    assert_eq!(containers.get(index).unwrap().known.cgroup.unified, 10);
    assert_eq!(containers.removed(0, 11, b"", 0), None);
    assert_eq!(containers.removed(0, 10, b"", 0), Some(index));
    assert_eq!(containers.removed(0, 10, b"", 0), None);
    assert!(containers.expire(LINGER - 1).is_empty());
    assert_eq!(containers.expire(LINGER), [index]);
}

#[test]
fn other_hierarchies_are_not_heard() {
    let mut containers = Containers::new(8, 30);
    let path = format!("/docker/{}", "a".repeat(64));
    let other = Made {
        hierarchy: 4,
        ..made(10, &path)
    };
    assert_eq!(containers.made(&other), None);
    assert_eq!(containers.sizes(), (0, 0));
    let unknown = Cgroup {
        unified: 10,
        legacy: 0,
    };
    assert_eq!(containers.owner(unknown), Owner::Unknown);
    assert_eq!(containers.owner(Cgroup::default()), Owner::Host);
}

#[test]
fn a_container_that_comes_back_is_the_same() {
    let mut containers = Containers::new(0, 30);
    let path = format!("/docker/{}", "a".repeat(64));
    let (index, _) = containers.made(&made(10, &path)).unwrap();
    containers.removed(0, 10, path.as_bytes(), 0);
    assert_eq!(containers.made(&made(20, &path)), Some((index, false)));
    assert!(containers.expire(u64::MAX).is_empty());
    assert!(containers.get(index).is_some());
}
