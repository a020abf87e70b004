//! The spool: order, restarts, damage, bounds.

use std::time::Duration;

use super::*;
use crate::inbox::record::{Head, payload};

const LIMIT: u64 = 1 << 30;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let head = Head {
        environment: "local".to_owned(),
        cluster: "prod".to_owned(),
        is_live: true,
        received: at(0),
        length: body.len() as u64,
    };
    payload(&head, body).unwrap()
}

/// Bytes that no compression makes smaller.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn bodies(reader: &mut Reader) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| reader.next().unwrap())
        .map(|record| record.body)
        .collect()
}

/// Opens a spool somebody has just let go of: its thread may still be
/// about to.
async fn reopen(folder: &Path, unread: u64) -> Spool {
    for _ in 0..500 {
        match Spool::open(folder, LIMIT, unread) {
            Ok(spool) => return spool,
            Err(error) if error.what.starts_with("lock") => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{}", model::error::chain(&error)),
        }
    }
    panic!("the lock was never let go of");
}

#[tokio::test]
async fn what_is_appended_is_read_in_order_and_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), LIMIT, 0).unwrap();
    let mut reader = spool.reader(0);
    assert!(reader.next().unwrap().is_none());
    for number in 0_u8..5 {
        let sequence = spool.append(packed(&[number]), at(0)).await.unwrap();
        assert_eq!(sequence, u64::from(number));
    }
    assert_eq!(bodies(&mut reader), [[0], [1], [2], [3], [4]]);
    spool.append(packed(&[5]), at(0)).await.unwrap();
    assert_eq!(bodies(&mut reader), [[5]]);
    assert_eq!(reader.take_damaged(), 0);
    assert_eq!(spool.room().waiting, 6);
    drop((spool, reader));

    let spool = reopen(folder.path(), 3).await;
    assert_eq!(spool.room().waiting, 3);
    assert_eq!(bodies(&mut spool.reader(3)), [[3], [4], [5]]);
    let sequence = spool.append(packed(&[6]), at(0)).await.unwrap();
    assert_eq!(sequence, 6);
    assert_eq!(bodies(&mut spool.reader(5)), [[5], [6]]);
}

#[tokio::test]
async fn one_spool_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let _spool = Spool::open(folder.path(), LIMIT, 0).unwrap();
    let second = Spool::open(folder.path(), LIMIT, 0).unwrap_err();
    assert!(
        second
            .to_string()
            .starts_with("lock, as another server uses it,")
    );
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_tears() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), LIMIT, 0).unwrap();
    for number in 0_u8..3 {
        spool.append(packed(&[number]), at(0)).await.unwrap();
    }
    drop(spool);
    drop(reopen(folder.path(), 0).await);
    let path = folder.path().join("00000000000000000000.spool");
    let whole = fs::read(&path).unwrap();
    let record = whole.len() / 3;
    for cut in [1, 10, record - 1] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let spool = reopen(folder.path(), 0).await;
        assert_eq!(bodies(&mut spool.reader(0)), [[0], [1]], "cut {cut}");
        // The next record takes the place of the torn one.
        assert_eq!(spool.append(packed(&[9]), at(0)).await.unwrap(), 2);
        assert_eq!(bodies(&mut spool.reader(0)), [[0], [1], [9]]);
        drop(spool);
        drop(reopen(folder.path(), 0).await);
        fs::remove_file(folder.path().join("00000000000000000002.spool")).unwrap();
    }
}

#[tokio::test]
async fn damage_in_the_middle_loses_its_segment_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0_u8..3 {
        // Each start begins a segment.
        let spool = reopen(folder.path(), 0).await;
        for half in 0..2 {
            spool
                .append(packed(&[number * 2 + half]), at(0))
                .await
                .unwrap();
        }
    }
    let spool = reopen(folder.path(), 0).await;
    let path = folder.path().join("00000000000000000002.spool");
    let mut bytes = fs::read(&path).unwrap();
    bytes[FRAME + 3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut reader = spool.reader(0);
    assert_eq!(bodies(&mut reader), [[0], [1], [4], [5]]);
    assert_eq!(reader.take_damaged(), 2);
    assert_eq!(reader.take_damaged(), 0);
    // A segment that is gone altogether is no reason to stop either.
    fs::remove_file(&path).unwrap();
    spool.shared.lock().segments.remove(1);
    let mut reader = spool.reader(2);
    assert_eq!(bodies(&mut reader), [[4], [5]]);
}

#[tokio::test]
async fn a_full_spool_refuses_until_something_was_judged() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 1 << 20, 0).unwrap();
    let mut taken = 0;
    let refusal = loop {
        match spool.append(packed(&noise(60_000, taken)), at(0)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, SpoolError::Full { .. }), "{refusal}");
    assert!((14..=17).contains(&taken), "{taken}");
    assert!(spool.room().used <= 1 << 20);
    let mut reader = spool.reader(0);
    assert_eq!(bodies(&mut reader).len() as u64, taken);
    // Read is not judged.
    assert!(
        spool
            .append(packed(&noise(60_000, 99)), at(0))
            .await
            .is_err()
    );
    spool.release(reader.position(), Timestamp::MIN);
    spool
        .append(packed(&noise(60_000, 99)), at(0))
        .await
        .unwrap();
    assert_eq!(bodies(&mut reader).len(), 1);
}

#[tokio::test]
async fn what_was_judged_stays_as_long_as_it_is_looked_back_at() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), 8 << 20, 0).unwrap();
    for number in 0..6 {
        let body = noise(1 << 20, number);
        let time = at(i64::try_from(number).unwrap() * 60);
        spool.append(packed(&body), time).await.unwrap();
    }
    spool.release(6, at(150));
    assert_eq!(spool.since(at(0)), 3);
    assert_eq!(spool.since(at(250)), 5);
    // Nothing is newer: there is nothing to look back at.
    assert_eq!(spool.since(at(1000)), 6);
    assert_eq!(bodies(&mut spool.reader(0)).len(), 3);
}

#[tokio::test]
async fn a_disk_that_refuses_is_told_and_recovered_from() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), LIMIT, 0).unwrap();
    // A folder where the segment should be.
    let path = folder.path().join("00000000000000000000.spool");
    fs::create_dir(&path).unwrap();
    let refusal = spool.append(packed(b"a"), at(0)).await.unwrap_err();
    assert!(matches!(refusal, SpoolError::Write(_)), "{refusal}");
    fs::remove_dir(&path).unwrap();
    assert_eq!(spool.append(packed(b"b"), at(0)).await.unwrap(), 0);
    assert_eq!(bodies(&mut spool.reader(0)), [b"b"]);
}
