//! How recommendations stand, the score's history, trends and views.

use model::{Severity, score::Standing};
use store::{Counts, NewStanding, NewView};

use crate::sample::{TestStore, on_each_database, time};

fn standing(rule: &str, severity: Severity, counts: [u64; 3]) -> NewStanding {
    let [healthy, affected, exempted] = counts;
    NewStanding {
        rule: rule.to_owned(),
        title: rule.to_uppercase(),
        severity,
        standing: Standing {
            healthy,
            affected,
            exempted,
        },
        not_applicable: 1,
        noun: ("image", "images"),
    }
}

async fn a_score_moves_with_a_reason_and_only_then(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let put = async |counts: [u64; 3], minute: i64, always: bool| {
        let standings = vec![
            standing("a", Severity::High, [1, 0, 0]),
            standing("b", Severity::High, counts),
        ];
        store
            .put_standings("local", standings, time(minute), always)
            .await
            .unwrap()
    };
    assert!(put([4, 0, 0], 0, false).await);
    assert!(!put([4, 0, 0], 1, false).await, "nothing changed");
    assert!(put([2, 2, 0], 2, false).await);
    assert!(put([3, 1, 0], 3, false).await);
    assert!(put([3, 0, 1], 4, false).await);
    assert!(!put([3, 0, 1], 60, true).await);

    let moves = store.score_moves(&scope, time(-1), 10).await.unwrap();
    let ledger: Vec<String> = moves
        .iter()
        .map(|entry| format!("{} {:+} {}", entry.rule, entry.change, entry.text))
        .collect();
    assert_eq!(
        ledger,
        [
            "b +12.5 1 image exempted",
            "b +12.5 1 image mended",
            "b -25 2 images newly affected",
        ]
    );

    let history = store
        .score_history(&scope, time(-1), time(90), 500)
        .await
        .unwrap();
    let points: Vec<String> = history
        .iter()
        .map(|point| format!("{:?} {:?}", point.time, point.score.percent()))
        .collect();
    assert_eq!(points.len(), 5, "{points:#?}");
    let percents: Vec<_> = history.iter().map(|point| point.score.percent()).collect();
    assert_eq!(
        percents,
        [100.0, 75.0, 87.5, 100.0, 100.0].map(Some).to_vec()
    );
    let coarse = store
        .score_history(&scope, time(0), time(90), 1)
        .await
        .unwrap();
    assert_eq!(coarse.len(), 2, "where it began and where it ended");

    let at = store.score_at(&scope, time(2)).await.unwrap().unwrap();
    assert_eq!(at.percent(), Some(75.0));
    assert_eq!(store.score_at(&scope, time(-9)).await.unwrap(), None);

    let standings = store.standings(&scope).await.unwrap();
    assert_eq!(standings.len(), 2);
    assert_eq!(standings[1].affected_since, None);
    assert_eq!(standings[1].checked, time(60));
}

async fn since_when_something_is_affected_outlives_changes(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    for (minute, affected) in [(0, 0), (5, 2), (9, 1)] {
        let standings = vec![standing("a", Severity::Low, [3, affected, 0])];
        store
            .put_standings("local", standings, time(minute), false)
            .await
            .unwrap();
    }
    let standings = store.standings(&scope).await.unwrap();
    assert_eq!(standings[0].affected_since, Some(time(5)));
    store
        .put_standings("local", Vec::new(), time(10), false)
        .await
        .unwrap();
    assert!(store.standings(&scope).await.unwrap().is_empty());
}

async fn scores_of_environments_add_up_and_stay_apart(test: &TestStore) {
    let store = &test.store;
    store
        .ensure_environment("demo", "Demo", true)
        .await
        .unwrap();
    for (environment, counts) in [("local", [1, 0, 0]), ("demo", [0, 1, 0])] {
        let standings = vec![standing("a", Severity::High, counts)];
        store
            .put_standings(environment, standings, time(0), false)
            .await
            .unwrap();
    }
    let percent = async |environment: Option<&str>| {
        let scope = store.scope(environment).await.unwrap();
        let at = store.score_at(&scope, time(1)).await.unwrap().unwrap();
        at.percent().unwrap()
    };
    assert!((percent(Some("local")).await - 100.0).abs() < 1e-9);
    assert!(percent(Some("demo")).await.abs() < 1e-9);
    assert!((percent(None).await - 50.0).abs() < 1e-9);
    store.remove_environment("demo").await.unwrap();
    assert!((percent(None).await - 100.0).abs() < 1e-9);
}

async fn old_points_are_thinned_and_old_ledgers_end(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let day = 24 * 60;
    // One beyond keeping; two of one old day; two of one hour some weeks
    // ago; two of just now.
    for minute in [
        -500 * day,
        -300 * day,
        -300 * day + 60,
        -20 * day,
        -20 * day + 1,
        -2,
        -1,
    ] {
        let standings = vec![standing("a", Severity::High, [1, 0, 0])];
        store
            .put_standings("local", standings, time(minute), true)
            .await
            .unwrap();
    }
    store.thin_scores(time(0)).await.unwrap();
    let history = store
        .score_history(&scope, time(-600 * day), time(0), 10_000_000)
        .await
        .unwrap();
    let left: Vec<i64> = history
        .iter()
        .map(|point| point.time.as_second() / 86_400 - time(0).as_second() / 86_400)
        .collect();
    assert_eq!(left, [-300, -20, 0, 0].to_vec(), "{left:?}");
}

async fn a_trend_carries_days_without_news_on(test: &TestStore) {
    let store = &test.store;
    let scope = store.scope(None).await.unwrap();
    let day = 24 * 60;
    for (days, high) in [(-3, 5), (-1, 2), (0, 1)] {
        let open = Counts {
            high,
            ..Counts::default()
        };
        store
            .put_trend("local", open, time(days * day))
            .await
            .unwrap();
    }
    let trend = store.trend(&scope, 10, time(0)).await.unwrap();
    let open: Vec<u64> = trend.iter().map(|day| day.open.high).collect();
    assert_eq!(open, [5, 5, 2, 1]);
    assert_eq!(trend.last().unwrap().date.to_string(), "2023-11-14");
}

async fn a_view_is_its_owners_until_it_is_shared(test: &TestStore) {
    let store = &test.store;
    let view = |owner: &str, name: &str, shared: bool| NewView {
        owner: owner.to_owned(),
        owner_name: owner.to_uppercase(),
        name: name.to_owned(),
        page: "/alerts".to_owned(),
        search: "q=severity%3Ahigh".to_owned(),
        shared,
        created: time(0),
    };
    let mine = store
        .put_view(view("ada", "mine", false))
        .await
        .unwrap()
        .unwrap();
    store.put_view(view("ada", "ours", true)).await.unwrap();
    store.put_view(view("bob", "mine", false)).await.unwrap();
    let names = async |owner: &str| {
        let views = store.views(owner).await.unwrap();
        views
            .iter()
            .map(|view| format!("{} {}", view.owner, view.name))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("ada").await, ["ada mine", "ada ours"]);
    assert_eq!(names("bob").await, ["bob mine", "ada ours"]);

    let again = store
        .put_view(NewView {
            page: "/images".to_owned(),
            ..view("ada", "mine", false)
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.id.as_str(), again.page.as_str()),
        (mine.id.as_str(), "/images")
    );
    assert!(store.delete_view(&mine.id).await.unwrap());
    assert!(!store.delete_view(&mine.id).await.unwrap());
    assert_eq!(store.view(&mine.id).await.unwrap(), None);

    for number in 0..199 {
        let name = format!("view {number}");
        store.put_view(view("ada", &name, false)).await.unwrap();
    }
    let refused = store
        .put_view(view("ada", "one more", false))
        .await
        .unwrap();
    assert_eq!(refused, None);
    assert!(
        store
            .put_view(view("ada", "ours", true))
            .await
            .unwrap()
            .is_some()
    );
}

on_each_database! {
    a_score_moves_with_a_reason_and_only_then,
    a_trend_carries_days_without_news_on,
    a_view_is_its_owners_until_it_is_shared,
    old_points_are_thinned_and_old_ledgers_end,
    scores_of_environments_add_up_and_stay_apart,
    since_when_something_is_affected_outlives_changes,
}
