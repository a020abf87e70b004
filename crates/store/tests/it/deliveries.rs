//! Sorting notices for sinks, and what becomes of deliveries.

use jiff::Timestamp;
use model::{Notice, NoticeEvent, Severity};
use store::{
    Author, DeliveryAnswer, DeliveryFilter, DeliveryState, Keep, NewDelivery, PageRequest,
    RouteRecord, RouteRefusal, Sink, SinkRecord, Store, Tried,
};

use crate::sample::{TestStore, image, on_each_database};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn somebody(second: i64) -> Author {
    Author {
        kind: model::permission::ActorKind::User,
        id: Some("1".to_owned()),
        name: "ada".to_owned(),
        address: None,
        request: None,
        time: at(second),
    }
}

fn notice(number: u32) -> Notice {
    Notice {
        id: format!("notice-{number}"),
        event: NoticeEvent::Test,
        time: at(i64::from(number)),
        environment: "local".to_owned(),
        finding: None,
        recommendation: None,
        incident: None,
        digest: None,
        link: None,
    }
}

fn record(name: &str) -> SinkRecord {
    SinkRecord {
        name: name.to_owned(),
        kind: "webhook".to_owned(),
        settings: "{}".to_owned(),
        secret_names: vec!["secret".to_owned()],
        sealed: Some("sealed".to_owned()),
        paused: false,
    }
}

fn answer(verdict: &str, second: i64) -> DeliveryAnswer {
    DeliveryAnswer {
        time: at(second),
        verdict: verdict.to_owned(),
        status: Some(200),
        text: "ok".to_owned(),
        milliseconds: 3,
    }
}

async fn sort_all(store: &Store, sink: &Sink, holder: &str) -> bool {
    let outgoing = store.unsorted(sink, 100).await.unwrap();
    let last = outgoing.last().map(|outgoing| outgoing.number);
    let deliveries = outgoing
        .into_iter()
        .map(|outgoing| NewDelivery {
            notices: vec![outgoing.notice],
            routes: vec!["all".to_owned()],
        })
        .collect();
    store
        .sort(sink, holder, last, deliveries, Vec::new(), at(10))
        .await
        .unwrap()
}

async fn notices_are_sorted_once_and_delivered_in_order(test: &TestStore) {
    let store = &test.store;
    store.put_notices(vec![notice(0)]).await.unwrap();
    let sink = store
        .add_sink(somebody(1), record("a"))
        .await
        .unwrap()
        .unwrap();
    assert!(
        store
            .add_sink(somebody(1), record("a"))
            .await
            .unwrap()
            .is_none()
    );
    // What happened before a sink was made is not its business.
    assert!(store.unsorted(&sink, 10).await.unwrap().is_empty());

    store.put_notices(vec![notice(1), notice(2)]).await.unwrap();
    assert!(store.lease_sink(&sink, "one", at(1), at(60)).await.unwrap());
    assert!(sort_all(store, &sink, "one").await);
    assert!(store.unsorted(&sink, 10).await.unwrap().is_empty());
    // A sorter that was overtaken adds nothing.
    assert!(
        !store
            .sort(&sink, "one", Some(1), Vec::new(), Vec::new(), at(10))
            .await
            .unwrap()
    );

    let first = store.next_delivery(&sink).await.unwrap().unwrap();
    assert_eq!(first.notices, [notice(1)]);
    let tried = Tried {
        state: DeliveryState::Delivered,
        next_try: at(20),
        answer: answer("delivered", 11),
        learned: vec![("subject".to_owned(), "SEC-1".to_owned())],
    };
    assert!(store.tried(&sink, "one", &first, tried).await.unwrap());
    let second = store.next_delivery(&sink).await.unwrap().unwrap();
    assert_eq!(second.notices, [notice(2)]);
    let known = store
        .remembered(&sink, &["subject", "other"])
        .await
        .unwrap();
    assert_eq!(known["subject"], "SEC-1");
    let queue = store.sink_queue(&sink).await.unwrap();
    assert_eq!((queue.pending, queue.dead), (1, 0));
}

async fn only_the_holder_of_the_lease_delivers(test: &TestStore) {
    let store = &test.store;
    let sink = store
        .add_sink(somebody(1), record("a"))
        .await
        .unwrap()
        .unwrap();
    store.put_notices(vec![notice(1)]).await.unwrap();
    assert!(store.lease_sink(&sink, "one", at(1), at(60)).await.unwrap());
    assert!(
        !store
            .lease_sink(&sink, "two", at(30), at(90))
            .await
            .unwrap()
    );
    assert!(sort_all(store, &sink, "one").await);
    let delivery = store.next_delivery(&sink).await.unwrap().unwrap();
    // The lease ran out while the receiver took its time.
    assert!(
        store
            .lease_sink(&sink, "two", at(61), at(120))
            .await
            .unwrap()
    );
    let tried = || Tried {
        state: DeliveryState::Delivered,
        next_try: at(62),
        answer: answer("delivered", 62),
        learned: Vec::new(),
    };
    assert!(!store.tried(&sink, "one", &delivery, tried()).await.unwrap());
    assert!(store.next_delivery(&sink).await.unwrap().is_some());
    assert!(store.tried(&sink, "two", &delivery, tried()).await.unwrap());
    assert!(store.next_delivery(&sink).await.unwrap().is_none());
    store.release_sinks("two").await.unwrap();
    assert!(
        store
            .lease_sink(&sink, "one", at(62), at(99))
            .await
            .unwrap()
    );
}

async fn what_was_given_up_is_replayed_in_its_old_place(test: &TestStore) {
    let store = &test.store;
    let sink = store
        .add_sink(somebody(1), record("a"))
        .await
        .unwrap()
        .unwrap();
    store.put_notices(vec![notice(1), notice(2)]).await.unwrap();
    store.lease_sink(&sink, "one", at(1), at(60)).await.unwrap();
    sort_all(store, &sink, "one").await;
    let first = store.next_delivery(&sink).await.unwrap().unwrap();
    let dead = Tried {
        state: DeliveryState::Dead,
        next_try: at(12),
        answer: answer("rejected", 12),
        learned: Vec::new(),
    };
    store.tried(&sink, "one", &first, dead).await.unwrap();
    let filter = DeliveryFilter {
        sink: Some(sink.id.clone()),
        states: vec![DeliveryState::Dead],
    };
    let page = store
        .deliveries(&filter, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!((page.total, page.items[0].attempts), (1, 1));
    assert_eq!(page.items[0].answer, Some(answer("rejected", 12)));

    let put_back = store
        .replay(somebody(50), Some(&first.id), None)
        .await
        .unwrap();
    assert_eq!(put_back, 1);
    let next = store.next_delivery(&sink).await.unwrap().unwrap();
    assert_eq!((next.id, next.since), (first.id, at(50)));
    assert_eq!(
        store
            .replay(somebody(51), None, Some(&sink.id))
            .await
            .unwrap(),
        0
    );
}

async fn numbers_never_come_again_once_the_outbox_was_tidied(test: &TestStore) {
    let store = &test.store;
    let sink = store
        .add_sink(somebody(1), record("a"))
        .await
        .unwrap()
        .unwrap();
    store.put_notices(vec![notice(1), notice(2)]).await.unwrap();
    store.lease_sink(&sink, "one", at(1), at(60)).await.unwrap();
    sort_all(store, &sink, "one").await;
    let keep = Keep {
        delivered_since: at(0),
        dead_since: at(0),
    };
    assert_eq!(store.tidy_deliveries(keep).await.unwrap(), 1);
    store.put_notices(vec![notice(3)]).await.unwrap();
    let unsorted = store.unsorted(&sink, 10).await.unwrap();
    assert_eq!(unsorted.len(), 1);
    assert_eq!(unsorted[0].notice, notice(3));
}

async fn a_route_goes_with_its_sink(test: &TestStore) {
    let store = &test.store;
    let sink = store
        .add_sink(somebody(1), record("a"))
        .await
        .unwrap()
        .unwrap();
    let route = |sink: &str| RouteRecord {
        name: "critical".to_owned(),
        sink: sink.to_owned(),
        enabled: true,
        query: "severity:critical".to_owned(),
        environments: Vec::new(),
        events: vec![NoticeEvent::FindingOpened],
        digest_seconds: 0,
        max_per_minute: 20,
    };
    let refused = store
        .put_route(somebody(2), None, route("none"))
        .await
        .unwrap();
    assert_eq!(refused, Err(RouteRefusal::NoSink));
    let id = store
        .put_route(somebody(2), None, route(&sink.id))
        .await
        .unwrap()
        .unwrap();
    let refused = store
        .put_route(somebody(2), None, route(&sink.id))
        .await
        .unwrap();
    assert_eq!(refused, Err(RouteRefusal::NameTaken));
    let found = store.route(&id).await.unwrap().unwrap();
    assert_eq!(found.record, route(&sink.id));
    assert_eq!(store.routes_to(&sink).await.unwrap().len(), 1);
    let mut changed = route(&sink.id);
    changed.enabled = false;
    let same = store
        .put_route(somebody(3), Some(&id), changed)
        .await
        .unwrap();
    assert_eq!(same, Ok(id));
    assert!(store.routes_to(&sink).await.unwrap().is_empty());
    assert!(store.remove_sink(somebody(4), &sink.id).await.unwrap());
    assert!(store.routes().await.unwrap().is_empty());
}

/// A sink that is told of these events.
pub(crate) async fn sink_of(test: &TestStore, events: &[NoticeEvent]) -> Sink {
    let store = &test.store;
    let sink = store.add_sink(somebody(1), record("a")).await;
    let sink = sink.unwrap().unwrap();
    let route = RouteRecord {
        name: "all".to_owned(),
        sink: sink.id.clone(),
        enabled: true,
        query: String::new(),
        environments: Vec::new(),
        events: events.to_vec(),
        digest_seconds: 0,
        max_per_minute: 0,
    };
    let route = store.put_route(somebody(2), None, route).await;
    route.unwrap().unwrap();
    sink
}

/// What the sink is to be told.
pub(crate) async fn told(test: &TestStore, sink: &Sink) -> Vec<Notice> {
    let outgoing = test.store.unsorted(sink, 100).await.unwrap();
    outgoing
        .into_iter()
        .map(|outgoing| outgoing.notice)
        .collect()
}

async fn a_change_and_the_notice_of_it_are_written_together(test: &TestStore) {
    let store = &test.store;
    let bug = |package| [("CVE-2014-0160", package, Severity::High)];
    // Nobody asks: nothing is written.
    let report = image("web:1", "a", 0, &bug("openssl"));
    store.put_report("local", report).await.unwrap();
    let events = [NoticeEvent::FindingOpened, NoticeEvent::FindingResolved];
    let sink = sink_of(test, &events).await;
    assert!(store.unsorted(&sink, 10).await.unwrap().is_empty());

    let report = image("web:1", "a", 1, &bug("bash"));
    store.put_report("local", report).await.unwrap();
    let told = store.unsorted(&sink, 10).await.unwrap();
    let lines: Vec<_> = told
        .iter()
        .map(|outgoing| {
            let finding = outgoing.notice.finding.as_ref().unwrap();
            format!(
                "{} {} {} {}: {}",
                outgoing.notice.event,
                finding.kind,
                finding.state,
                finding.installed().unwrap(),
                finding.place()
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "finding.opened vulnerability open bash 1.0: web:1",
            "finding.resolved vulnerability resolved openssl 1.0: web:1",
        ]
    );
    assert_ne!(told[0].notice.id, told[1].notice.id);
}

on_each_database! {
    a_change_and_the_notice_of_it_are_written_together,
    notices_are_sorted_once_and_delivered_in_order,
    only_the_holder_of_the_lease_delivers,
    what_was_given_up_is_replayed_in_its_old_place,
    numbers_never_come_again_once_the_outbox_was_tidied,
    a_route_goes_with_its_sink,
}
