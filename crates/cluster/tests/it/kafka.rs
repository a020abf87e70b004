//! Event Hubs' protocol, spoken to a Kafka.

use std::{collections::BTreeMap, ops::AddAssign};

use cluster::audit::{EventHubsSettings, Settings, Source};
use model::Clock as _;
use rskafka::{
    client::{
        ClientBuilder,
        partition::{Compression, UnknownTopicHandling},
    },
    record::Record,
};
use serde_json::{Value, json};
use testkit::receiver::{Receiver, TOPIC};

fn record(text: String) -> Record {
    let now = model::SystemClock.now().as_millisecond();
    let since = std::time::Duration::from_millis(u64::try_from(now).unwrap());
    Record {
        key: None,
        value: Some(text.into_bytes()),
        headers: BTreeMap::new(),
        timestamp: after_epoch(since),
    }
}

/// The library's type of time, whose default is the epoch.
fn after_epoch<T: Default + AddAssign<std::time::Duration>>(since: std::time::Duration) -> T {
    let mut time = T::default();
    time += since;
    time
}

/// As diagnostic settings write them: several records in one message.
fn message(ids: &[usize]) -> String {
    let records: Vec<Value> = ids
        .iter()
        .map(|id| {
            let event = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1",
                "auditID": id.to_string(), "verb": "get"});
            json!({"category": "kube-audit", "properties": {"log": event.to_string()}})
        })
        .collect();
    json!({ "records": records }).to_string()
}

async fn write(broker: &str, messages: &[(i32, String)]) {
    let client = ClientBuilder::new(vec![broker.to_owned()])
        .build()
        .await
        .unwrap();
    for (number, text) in messages {
        client
            .partition_client(TOPIC, *number, UnknownTopicHandling::Retry)
            .await
            .unwrap()
            .produce(vec![record(text.clone())], Compression::NoCompression)
            .await
            .unwrap();
    }
}

async fn read(source: &mut Source, count: usize) -> (Vec<usize>, String) {
    let (mut ids, mut position) = (Vec::new(), String::new());
    while ids.len() < count {
        let batch = source.next().await.unwrap();
        let text = String::from_utf8(batch.body).unwrap();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            ids.push(event["auditID"].as_str().unwrap().parse().unwrap());
        }
        position = batch.position;
    }
    ids.sort_unstable();
    (ids, position)
}

#[tokio::test]
async fn every_partition_is_read_and_reading_goes_on_where_it_ended() {
    let Some(mut kafka) = Receiver::kafka() else {
        return;
    };
    let broker = format!("127.0.0.1:{}", kafka.port);
    write(&broker, &[(0, message(&[0, 1])), (1, message(&[2]))]).await;
    let open = |position: Option<&str>| {
        let settings = EventHubsSettings {
            topic: TOPIC.to_owned(),
            brokers: vec![broker.clone()],
            from_start: true,
            ..EventHubsSettings::default()
        };
        Source::open(Settings::EventHubs(settings), position).unwrap()
    };
    let mut source = open(None);
    let (ids, position) = read(&mut source, 3).await;
    assert_eq!(ids, [0, 1, 2]);
    write(&broker, &[(2, message(&[3])), (0, message(&[4]))]).await;
    let (ids, _) = read(&mut open(Some(&position)), 2).await;
    assert_eq!(ids, [3, 4]);
    // A broker that is gone is a fault; one that is back is read on.
    assert_eq!(read(&mut source, 2).await.0, [3, 4]);
    kafka.kill();
    kafka.start().unwrap();
    write(&broker, &[(1, message(&[5]))]).await;
    for _ in 0..60 {
        match source.next().await {
            Ok(batch) if batch.events == 1 => return,
            _ => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    panic!("nothing came after the broker was back");
}
