//! Processes that come, change, go and are replaced.

use super::*;
use crate::context::sample::task;

fn named(table: &mut Table, pid: u32, parent: Option<u32>) -> u32 {
    table.insert(&task(pid, 0), parent, false, Process::default())
}

#[test]
fn slots_are_used_again_and_tenants_told_apart() {
    let mut table = Table::new(100);
    let first = named(&mut table, 10, None);
    let tenancy = table.get(first).unwrap().tenancy;
    table.end(first, 0);
    table.end(first, 0);
    table.expire(LINGER);
    assert_eq!(table.len(), 0);
    let second = named(&mut table, 11, None);
    assert_eq!(first, second);
    assert_ne!(table.get(second).unwrap().tenancy, tenancy);
    assert_eq!(table.find(10, 0), None);
}

#[test]
fn starts_read_from_proc_match_roughly_and_once() {
    let mut table = Table::new(100);
    let mut seen = task(10, 0);
    seen.started = 1_000_000_000;
    let slot = table.insert(&seen, None, true, Process::default());
    assert_eq!(table.find(10, 1_004_321_000), Some(slot));
    assert_eq!(table.find(10, 1_004_321_000), Some(slot));
    assert_eq!(table.find(10, 1_000_000_000), None);
}

#[test]
fn leaders_who_lead_each_other_hold_nobody() {
    let mut table = Table::new(100);
    let a = named(&mut table, 10, None);
    let b = named(&mut table, 11, None);
    for _ in 0..1000 {
        let leader = table.alone(11);
        table.change(a, |process| process.group_leader = leader);
        let leader = table.alone(10);
        table.change(b, |process| process.group_leader = leader);
    }
    let mut depth = 0;
    let mut at = Some(&table.get(a).unwrap().process);
    while let Some(it) = at {
        depth += 1;
        at = it.group_leader.as_ref();
    }
    assert_eq!(depth, 2);
}

#[test]
fn old_versions_stay_as_they_were() {
    let mut table = Table::new(100);
    let slot = named(&mut table, 10, None);
    let before = Arc::clone(&table.get(slot).unwrap().process);
    table.change(slot, |process| process.tty = 5);
    let after = &table.get(slot).unwrap().process;
    assert_eq!((before.tty, after.tty), (0, 5));
    assert!(after.version > before.version);
}

proptest::proptest! {
    #[test]
    fn any_order_of_forks_and_exits_keeps_the_table_sound(
        steps in proptest::collection::vec((0u32..40, 0u32..40, 0u8..4), 1..400),
    ) {
        let mut table = Table::new(24);
        let mut now = 0;
        for (pid, parent, step) in steps {
            now += LINGER / 7;
            match step {
                0 | 1 => {
                    let parent = table.by_pid(parent);
                    let mut task = task(pid, 0);
                    task.started = now;
                    let slot = table.insert(&task, parent, false, Process::default());
                    proptest::prop_assert_eq!(table.find(pid, now), Some(slot));
                }
                2 => {
                    if let Some(slot) = table.by_pid(pid) {
                        table.end(slot, now);
                    }
                }
                _ => {
                    if let Some(slot) = table.by_pid(pid) {
                        table.change(slot, |process| process.tty += 1);
                        table.catch_up(slot);
                    }
                }
            }
            table.expire(now);
            proptest::prop_assert!(table.len() <= 24);
        }
        // Everything that lives is found by its number.
        let living: Vec<_> = table.living().map(|(slot, entry)| (slot, entry.pid)).collect();
        for (slot, pid) in living {
            proptest::prop_assert_eq!(table.by_pid(pid), Some(slot));
        }
    }
}
