//! What was kept comes out again, and damage is told.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    context::sample::{self, ID, SECOND, context, exec, fork, made, open, task, within},
    record::{Dns, File, Matter, Outcome, Verdict, What},
};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A capture of a short life of a container, and what was told then.
fn captured() -> (Vec<u8>, Vec<String>) {
    let file = Shared::default();
    let now = Moment {
        boot: 5_000 * SECOND,
        wall: 1_700_000_000_000_000_000,
    };
    let (mut context, oracle) = context(Settings::default());
    context.record_to(Recorder::new(Box::new(file.clone()), now).unwrap());
    let mut lines = Vec::new();
    let mut tell = |told: Told<'_>| lines.push(sample::line(&told));
    context.start(&Snapshot::default(), &mut tell);
    let path = format!("/docker/{ID}");
    context.take(&made(50, path.as_bytes()), &mut tell);
    let inside = within(50, task(100, 1));
    context.take(&fork(inside, 101), &mut tell);
    oracle.say(ID, "shop", true);
    let child = within(50, task(101, 100));
    for what in [
        What::Exec(exec(b"/bin/sh", b"sh\0-c\0id\0")),
        What::Call(open(b"/etc/shadow")),
        What::Verdict(Verdict {
            matter: Matter::Drift,
            outcome: Outcome::Killed,
            path: b"/tmp/x",
            file: File::default(),
            address: Some(("::1".parse().unwrap(), 5)),
        }),
        What::Dns(Dns {
            is_answer: false,
            server: Some(([10, 0, 0, 2].into(), 53)),
            message: b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01",
        }),
        What::Exit { code: 256 },
    ] {
        context.take(&Record { task: child, what }, &mut tell);
    }
    context.tick(now, &mut tell);
    assert!(context.stop_recording().unwrap().unwrap() > 8);
    let bytes = file.0.lock().unwrap().clone();
    (bytes, lines)
}

fn played(bytes: &[u8]) -> Result<(Played, Vec<String>), CaptureError> {
    let mut lines = Vec::new();
    let (played, _) = replay(bytes, Settings::default(), &mut |told| {
        lines.push(sample::line(&told));
    })?;
    Ok((played, lines))
}

#[test]
fn the_same_is_told_again() {
    let (bytes, lines) = captured();
    let (played, again) = played(&bytes).unwrap();
    assert_eq!(again, lines);
    assert_eq!(played.records, 7);
    assert!(!played.is_cut);
    assert!(lines.iter().any(|line| line == "lookup a []"));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("shop bash(101) procexit status=256 ret=1"))
    );
}

#[test]
fn a_capture_that_was_cut_ends_where_it_was_cut() {
    let (bytes, lines) = captured();
    let (played, again) = played(&bytes[..bytes.len() - 3]).unwrap();
    assert!(played.is_cut && again.len() >= lines.len() - 1);
    assert!(matches!(self::played(b"SEAW"), Err(CaptureError::Magic)));
    assert!(matches!(
        self::played(b"SOMETHING ELSE"),
        Err(CaptureError::Magic)
    ));
    assert!(matches!(
        self::played(b"SEAWALLR\xff"),
        Err(CaptureError::Format { found: 255 })
    ));
}

#[test]
fn damage_is_told() {
    let (mut bytes, _) = captured();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x40;
    assert!(played(&bytes).is_err() || played(&bytes).unwrap().0.is_cut);
}

#[test]
fn records_of_all_sorts_come_back_as_they_were() {
    let task = within(50, task(100, 1));
    let mut call = open(b"/x");
    call.file = Some(File {
        inode: u64::MAX,
        modified: i64::MIN,
        is_upper: true,
        ..File::default()
    });
    for what in [
        What::Call(call),
        What::Exec(exec(b"/a", b"a\0")),
        What::Exit { code: -1 },
    ] {
        let record = Record { task, what };
        let mut writer = Writer::default();
        writer.record(&record);
        let mut reader = Reader(&writer.0);
        let back = reader.record().unwrap();
        assert_eq!(format!("{back:?}"), format!("{record:?}"));
        assert!(reader.0.is_empty());
    }
}

proptest::proptest! {
    #[test]
    fn hostile_captures_do_no_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        _ = Reader(&bytes).record();
        _ = Reader(&bytes).seen();
        _ = Reader(&bytes).container();
        _ = Reader(&bytes).users();
        let mut file = b"SEAWALLR\x01".to_vec();
        file.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        file.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        file.extend_from_slice(&bytes);
        _ = played(&file);
    }
}
