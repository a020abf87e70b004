//! Order, bounds, and what a crash or a rotten disk leaves.

use std::collections::BTreeMap;

use api::{
    Severity,
    sensor::{SensorAlert, SensorGap, SensorRule, SensorStep},
};
use model::time::FixedClock;
use proptest::prelude::*;

use super::*;

fn origin(run: &str) -> Origin {
    Origin {
        boot: "boot".to_owned(),
        run: run.to_owned(),
    }
}

fn open(folder: &Path, run: &str, limits: Limits) -> Spool {
    // A process that another test starts has all that is open here until it
    // runs its own program, and the lock of a spool that ended with it.
    for _ in 0..200 {
        let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
        match Spool::open(folder, origin(run), limits, clock) {
            Err(SpoolOpenError::InUse { .. }) => thread::sleep(Duration::from_millis(20)),
            other => return other.unwrap(),
        }
    }
    panic!("the spool stays in use");
}

fn alert(summary: &str) -> SensorNews {
    SensorNews::Alert(Box::new(SensorAlert {
        rule: SensorRule {
            id: "rule".to_owned(),
            title: String::new(),
            description: String::new(),
            condition: String::new(),
            severity: Severity::High,
            tactics: Vec::new(),
            techniques: Vec::new(),
            matrix: Vec::new(),
            why: String::new(),
            fix: String::new(),
            false_positives: String::new(),
            references: Vec::new(),
        },
        place: vec![SensorStep {
            kind: "host".to_owned(),
            identity: "n".to_owned(),
            name: "n".to_owned(),
        }],
        image: None,
        program: "sh".to_owned(),
        summary: summary.to_owned(),
        evidence: serde_json::Value::Null,
        user: None,
        uid: None,
        trace: None,
    }))
}

fn add(spool: &Spool, summary: &str) -> Result<u64, AppendError> {
    spool.append(Timestamp::UNIX_EPOCH, alert(summary))
}

fn read(item: &Item) -> SensorItem {
    serde_json::from_slice(&item.payload).unwrap()
}

/// Run, number and summary of everything, in order, acknowledged; gaps
/// apart.
fn drain(spool: &Spool) -> (Vec<(String, u64, String)>, Vec<SensorGap>) {
    let (mut alerts, mut gaps) = (Vec::new(), Vec::new());
    while let Some(batch) = spool.next(3, 10_000) {
        for item in &batch.items {
            match read(item).what {
                SensorNews::Alert(alert) => {
                    alerts.push((batch.origin.run.clone(), item.sequence, alert.summary));
                }
                SensorNews::Gap(gap) => gaps.push(gap),
            }
        }
        spool.acknowledge(&batch);
    }
    (alerts, gaps)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .collect();
    files.sort();
    files
}

#[test]
fn alerts_go_first_and_are_given_out_until_they_are_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path(), "a", Limits::default());
    spool.lose("kernel", "file", "ring full", 7);
    spool.lose("kernel", "file", "ring full", 3);
    assert_eq!(add(&spool, "one").unwrap(), 1);
    let first = spool.next(10, 10_000).unwrap();
    let again = spool.next(10, 10_000).unwrap();
    assert_eq!(first.items, again.items);
    assert_eq!(first.items.len(), 1);
    let (alerts, gaps) = drain(&spool);
    assert_eq!(alerts, [("a".to_owned(), 1, "one".to_owned())]);
    assert_eq!((gaps.len(), gaps[0].count), (1, 10));
    assert!(spool.next(10, 10_000).is_none());
}

#[test]
fn a_folder_is_one_sensors_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), "a", Limits::default());
    let clock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    let second = Spool::open(folder.path(), origin("b"), Limits::default(), clock);
    assert!(matches!(second, Err(SpoolOpenError::InUse { .. })));
    drop(first);
    open(folder.path(), "b", Limits::default());
}

#[test]
fn what_an_earlier_run_left_is_sent_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path(), "a", Limits::default());
    for text in ["one", "two"] {
        add(&spool, text).unwrap();
    }
    drop(spool);
    let spool = open(folder.path(), "b", Limits::default());
    add(&spool, "three").unwrap();
    let batch = spool.next(10, 10_000).unwrap();
    assert_eq!((batch.origin.run.as_str(), batch.items.len()), ("a", 2));
    let (alerts, gaps) = drain(&spool);
    let expected = [("a", 1, "one"), ("a", 2, "two"), ("b", 1, "three")];
    let expected = expected.map(|(run, number, text)| (run.to_owned(), number, text.to_owned()));
    assert_eq!(alerts, expected);
    assert!(gaps.is_empty());
    assert_eq!(files(folder.path()).len(), 1, "only the open one is left");
}

#[test]
fn losses_make_room_for_alerts_and_the_newest_alerts_give_way() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        bytes: 8 << 10,
        segment: 1 << 10,
        ..Limits::default()
    };
    let spool = open(folder.path(), "a", limits);
    for number in 0..20 {
        spool.lose("kernel", &format!("class {number}"), "ring full", 1);
        // Looking puts it into its lane.
        drop(spool.next(1, 1));
    }
    let mut kept = 0;
    while add(&spool, &"x".repeat(100)).is_ok() {
        kept += 1;
    }
    assert!(kept > 10, "{kept}");
    let room = spool.room();
    assert!(room.used <= limits.bytes, "{room:?}");
    assert!(room.notes[0].contains("full of alerts"), "{room:?}");
    add(&spool, "refused").unwrap_err();
    let (alerts, gaps) = drain(&spool);
    assert_eq!(alerts.len(), kept);
    let lost = |class: &str| -> u64 {
        let gaps = gaps.iter().filter(|gap| gap.class == class);
        gaps.map(|gap| gap.count).sum()
    };
    assert_eq!(lost("alert"), 2);
    let told = gaps.iter().filter(|gap| gap.stage == "kernel").count() as u64;
    assert_eq!(lost("loss") + told, 20, "{gaps:?}");
    assert!(spool.room().notes.is_empty());
    add(&spool, "room again").unwrap();
}

#[test]
fn what_the_disk_refuses_waits_in_memory_and_then_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        memory: 2_000,
        ..Limits::default()
    };
    let spool = open(folder.path(), "a", limits);
    add(&spool, "on disk").unwrap();
    spool.0.shared.lock().disk_is_full = true;
    let mut in_memory = 0;
    while add(&spool, "in memory").is_ok() {
        in_memory += 1;
    }
    assert!(in_memory > 2);
    assert!(spool.room().notes[0].contains("refuses"));
    let batch = spool.next(2, 10_000).unwrap();
    assert_eq!(batch.items.len(), 2, "disk and memory together");
    spool.acknowledge(&batch);
    spool.0.shared.lock().disk_is_full = false;
    add(&spool, "on disk again").unwrap();
    let (alerts, gaps) = drain(&spool);
    let numbers: Vec<u64> = alerts.iter().map(|(_, number, _)| *number).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(alerts.len(), in_memory, "one went before, one came after");
    assert_eq!(gaps.iter().map(|gap| gap.count).sum::<u64>(), 1, "{gaps:?}");
    assert!(spool.room().notes.is_empty());
}

#[test]
fn a_segment_without_a_head_is_put_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path(), "a", Limits::default());
    add(&spool, "one").unwrap();
    drop(spool);
    let path = files(folder.path()).remove(0);
    fs::write(&path, b"nonsense").unwrap();
    let spool = open(folder.path(), "b", Limits::default());
    let (alerts, gaps) = drain(&spool);
    assert!(alerts.is_empty());
    assert_eq!(gaps[0].class, "alert");
    assert!(path.with_extension("broken").exists());
}

#[test]
fn an_alert_too_long_goes_without_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path(), "a", Limits::default());
    let SensorNews::Alert(mut long) = alert("long") else {
        unreachable!();
    };
    let event = model::alert::TraceEvent {
        time: Timestamp::UNIX_EPOCH,
        pid: 1,
        kind: model::alert::TraceKind::Read,
        what: "x".repeat(MAX_PAYLOAD),
        count: 1,
    };
    long.trace = Some(model::alert::Trace {
        events: vec![event],
        ..model::alert::Trace::default()
    });
    spool
        .append(Timestamp::UNIX_EPOCH, SensorNews::Alert(long))
        .unwrap();
    let outcome = add(&spool, &"x".repeat(MAX_PAYLOAD));
    assert!(matches!(outcome, Err(AppendError::TooLong { .. })));
    let (alerts, gaps) = drain(&spool);
    assert_eq!(alerts[0].2, "long");
    assert_eq!(gaps[0].count, 1);
}

/// What happens to a spool.
#[derive(Clone, Debug)]
enum Step {
    Append,
    /// Read so many and say so.
    Acknowledge(usize),
    /// The sensor ends without a word and another begins.
    Restart,
    /// The machine ends: so many last bytes of the last segment never
    /// reached the disk, and the marker may not have either.
    Crash(u16, bool),
    /// The disk changes a byte.
    Rot(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Append),
        2 => (1_usize..6).prop_map(Step::Acknowledge),
        1 => Just(Step::Restart),
        1 => (0_u16..2_000, any::<bool>()).prop_map(|(bytes, marker)| Step::Crash(bytes, marker)),
        1 => any::<u16>().prop_map(Step::Rot),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens: in order, never two alerts under one number, and
    /// what was neither damaged nor torn arrives.
    #[test]
    fn nothing_is_lost_but_what_the_disk_lost(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            segment: 1 << 10,
            gather: Duration::ZERO,
            ..Limits::default()
        };
        let mut run = 0_u32;
        let mut spool = Some(open(folder.path(), "0", limits));
        let mut appended: BTreeMap<(String, u64), String> = BTreeMap::new();
        let mut got: Vec<(String, u64, String)> = Vec::new();
        let mut is_whole = true;
        let mut count = 0;
        for step in steps {
            let current = spool.as_ref().unwrap();
            match step {
                Step::Append => {
                    let text = format!("alert {count}");
                    count += 1;
                    let number = add(current, &text).unwrap();
                    appended.insert((run.to_string(), number), text);
                }
                Step::Acknowledge(most) => {
                    if let Some(batch) = current.next(most, 10_000) {
                        got.extend(batch.items.iter().filter_map(|item| match read(item).what {
                            SensorNews::Alert(alert) => {
                                Some((batch.origin.run.clone(), item.sequence, alert.summary))
                            }
                            SensorNews::Gap(_) => None,
                        }));
                        current.acknowledge(&batch);
                    }
                }
                Step::Rot(place) => {
                    is_whole = false;
                    let paths = files(folder.path());
                    if let Some(path) = paths.get(usize::from(place) % paths.len().max(1)) {
                        // A segment that nothing was written to yet.
                        let mut bytes = fs::read(path).unwrap_or_default();
                        let Some(at) = usize::from(place).checked_rem(bytes.len()) else {
                            continue;
                        };
                        bytes[at] ^= 0x20;
                        // In place: the sensor has the file open.
                        let file = File::options().write(true).open(path).unwrap();
                        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
                    }
                }
                Step::Restart | Step::Crash(..) => {
                    drop(spool.take());
                    if let Step::Crash(bytes, has_marker) = step {
                        if let Some(path) = files(folder.path()).last().filter(|_| bytes > 0) {
                            is_whole = false;
                            let file = File::options().write(true).open(path).unwrap();
                            let length = file.metadata().unwrap().len();
                            file.set_len(length.saturating_sub(u64::from(bytes))).unwrap();
                        }
                        if !has_marker {
                            fs::remove_file(folder.path().join("alerts.read")).unwrap();
                        }
                    }
                    run += 1;
                    spool = Some(open(folder.path(), &run.to_string(), limits));
                }
            }
        }
        let (rest, _) = drain(spool.as_ref().unwrap());
        got.extend(rest);
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen: BTreeMap<(String, u64), String> = BTreeMap::new();
        for (run, number, text) in got {
            // Sent again is fine; another alert under the number is not.
            let known = seen.entry((run.clone(), number)).or_insert_with(|| text.clone());
            prop_assert_eq!(&*known, &text);
            prop_assert_eq!(appended.get(&(run.clone(), number)), Some(&text));
            let last = last.entry(run).or_default();
            *last = number.max(*last);
        }
        if is_whole {
            prop_assert_eq!(seen, appended);
        }
    }
}
