//! The inbox: what it refuses, and what it remembers.

use model::SystemClock;

use super::*;

fn open(folder: &Path, change: impl FnOnce(&mut AuditConfig)) -> Inbox {
    let mut config = AuditConfig::default();
    change(&mut config);
    let metrics = Arc::new(Metrics::default());
    Inbox::open(folder, &config, Arc::new(SystemClock), metrics).unwrap()
}

fn delivery(cluster: &str, body: Vec<u8>) -> Delivery {
    Delivery {
        environment: "local".to_owned(),
        cluster: cluster.to_owned(),
        is_live: true,
        body,
    }
}

#[tokio::test]
async fn what_is_counted_is_remembered_with_how_far_was_judged() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = open(folder.path(), |_| {});
    inbox.take(delivery("prod", b"{}".to_vec())).await.unwrap();
    let mut faults = Faults::default();
    faults.add(Fault::WrongKind);
    let counts = Counts {
        requests: 1,
        events: 1,
        faults,
        last_received: Some(SystemClock.now()),
        ..Counts::default()
    };
    inbox.clusters().judged("local", "prod", &counts);
    inbox.save(1, Timestamp::MIN).unwrap();
    let before = inbox.health();
    assert_eq!(before[0].counts, counts);
    assert!(before[0].events_per_second > 0.0);
    let (unread, clusters) = ledger::read(&folder.path().join(ledger::FILE)).unwrap();
    assert_eq!(unread, 1);
    let after = clusters.health(SystemClock.now());
    assert_eq!(after[0].counts, counts);
    assert_eq!(after[0].first_seen, before[0].first_seen);
}

#[tokio::test]
async fn names_and_numbers_of_clusters_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = open(folder.path(), |config| config.max_clusters = 2);
    let take = |name: &str| inbox.take(delivery(name, b"{}".to_vec()));
    for name in ["", " a", "a\n", &"a".repeat(201)] {
        let refusal = take(name).await.unwrap_err();
        assert!(matches!(refusal, InboxError::Cluster(_)), "{refusal}");
    }
    take("a").await.unwrap();
    take("b").await.unwrap();
    take("a").await.unwrap();
    let refusal = take("c").await.unwrap_err();
    assert!(
        matches!(refusal, InboxError::TooManyClusters(2)),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_and_a_full_spool_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = open(folder.path(), |config| {
        config.max_body.0 = 2 << 20;
        config.spool_size.0 = 1 << 10;
    });
    let refusal = inbox
        .take(delivery("a", vec![0; 3 << 20]))
        .await
        .unwrap_err();
    assert!(matches!(refusal, InboxError::TooLarge(_)), "{refusal}");
    let noise: Vec<u8> = (0..1_u32 << 14)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let refusal = inbox.take(delivery("a", noise)).await.unwrap_err();
    assert!(matches!(refusal, InboxError::Unavailable(_)), "{refusal}");
    let health = inbox.health();
    assert_eq!(health[0].refused, 1);
    assert!(health[0].last_refusal.as_ref().unwrap().1.contains("full"));
}

#[tokio::test]
async fn what_a_forwarder_sends_is_unwrapped_and_a_list_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = open(folder.path(), |_| {});
    inbox.unwrap_with(|body| (body.to_ascii_uppercase(), 2));
    let list = b"{\"kind\":\"EventList\",\"items\":[]}";
    inbox.take(delivery("a", list.to_vec())).await.unwrap();
    inbox
        .take(delivery("a", b"{\"records\":[]}".to_vec()))
        .await
        .unwrap();
    let own = Delivery {
        is_live: false,
        ..delivery("a", b"{\"records\":[]}".to_vec())
    };
    inbox.take(own).await.unwrap();
    let mut reader = inbox.spool().reader(0);
    let mut next = || reader.next().unwrap().unwrap().body;
    assert_eq!(next(), list);
    assert_eq!(next(), b"{\"RECORDS\":[]}");
    assert_eq!(next(), b"{\"records\":[]}");
    assert_eq!(inbox.health()[0].counts.faults.get(Fault::NotJson), 2);
}
