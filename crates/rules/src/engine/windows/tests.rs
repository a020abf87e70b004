//! Windows on the time of events.

use std::time::Duration;

use super::*;
use crate::rule::{Expression, Step, Term};

const SECOND: i64 = 1_000_000;

fn hit(second: i64, id: &str) -> Hit {
    Hit {
        at: 1_000_000 * SECOND + second * SECOND,
        id: id.to_owned(),
        request: id.bytes().fold(7, |hash, byte| hash * 31 + u64::from(byte)),
        value: None,
    }
}

fn threshold(count: u32, seconds: u64) -> Threshold {
    Threshold {
        count,
        within: Duration::from_secs(seconds),
        by: Vec::new(),
        distinct: None,
    }
}

#[test]
fn enough_within_the_time_is_a_match_and_counting_begins_anew() {
    let mut windows = Windows::default();
    let rule = threshold(3, 10);
    let mut say = |second, id: &str| windows.threshold("r", &rule, "k", hit(second, id));
    assert_eq!(say(0, "a"), None);
    assert_eq!(say(5, "b"), None);
    let together = say(10, "c").unwrap();
    assert_eq!(together.related, ["a", "b", "c"]);
    assert_eq!(
        (together.count, together.last - together.first),
        (3, 10 * SECOND)
    );
    assert_eq!(say(11, "d"), None);
    assert_eq!(say(12, "e"), None);
    assert!(say(13, "f").is_some());
}

#[test]
fn too_slow_or_of_another_key_or_the_same_request_is_no_match() {
    let mut windows = Windows::default();
    let rule = threshold(2, 10);
    let mut say = |key: &str, second, id: &str| windows.threshold("r", &rule, key, hit(second, id));
    assert_eq!(say("k", 0, "a"), None);
    assert_eq!(say("k", 11, "b"), None);
    assert_eq!(say("other", 12, "c"), None);
    assert_eq!(say("k", 12, "b"), None, "another stage of the same request");
    assert!(say("k", 20, "d").is_some());
}

#[test]
fn an_event_that_is_late_by_less_than_a_minute_counts_where_it_belongs() {
    let mut windows = Windows::default();
    let rule = threshold(3, 5);
    let mut say = |second, id: &str| windows.threshold("r", &rule, "k", hit(second, id));
    assert_eq!(say(100, "x"), None);
    assert_eq!(say(50, "a"), None);
    assert_eq!(say(54, "c"), None);
    assert_eq!(say(52, "b").unwrap().related, ["a", "b", "c"]);
    assert_eq!(say(100, "y"), None);
    assert_eq!(say(20, "z"), None, "too late to matter");
    assert_eq!(windows.late, 1);
}

#[test]
fn different_values_are_counted_once_each() {
    let mut windows = Windows::default();
    let rule = Threshold {
        distinct: Some(Term::Value(String::new())),
        ..threshold(3, 60)
    };
    let mut say = |second, id: &str, value: &str| {
        let hit = Hit {
            value: Some(value.to_owned()),
            ..hit(second, id)
        };
        windows.threshold("r", &rule, "k", hit)
    };
    assert_eq!(say(0, "a", "1"), None);
    assert_eq!(say(1, "b", "1"), None);
    assert_eq!(say(2, "c", "2"), None);
    assert_eq!(say(62, "d", "3"), None, "the first value is too old by now");
    assert_eq!(say(62, "e", "1").unwrap().related, ["c", "d", "e"]);
}

fn sequence(steps: usize, seconds: u64) -> Sequence {
    Sequence {
        within: Duration::from_secs(seconds),
        by: Vec::new(),
        steps: (0..steps)
            .map(|number| Step {
                name: number.to_string(),
                condition: Expression::Constant(true),
            })
            .collect(),
    }
}

#[test]
fn steps_in_order_are_a_match_whatever_order_they_arrive_in() {
    let rule = sequence(3, 60);
    for order in [[0usize, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut windows = Windows::default();
        let mut last = None;
        for step in order {
            assert_eq!(last, None);
            let hit = hit(i64::try_from(step).unwrap() * 10, &step.to_string());
            last = windows.sequence("r", &rule, "k", step, hit);
        }
        assert_eq!(last.unwrap().related, ["0", "1", "2"], "{order:?}");
    }
}

#[test]
fn steps_out_of_order_too_slow_or_by_one_event_are_no_match() {
    let rule = sequence(2, 10);
    let mut windows = Windows::default();
    let mut say = |key: &str, step, second, id: &str| {
        windows.sequence("r", &rule, key, step, hit(second, id))
    };
    assert_eq!(say("order", 1, 0, "b"), None);
    assert_eq!(say("order", 0, 1, "a"), None);
    assert_eq!(say("slow", 0, 0, "a"), None);
    assert_eq!(say("slow", 1, 11, "b"), None);
    assert_eq!(say("one", 0, 0, "a"), None);
    assert_eq!(say("one", 1, 0, "a"), None);
    assert!(say("one", 1, 1, "b").is_some());
}

#[test]
fn the_same_again_only_counts_until_the_time_is_over() {
    let mut windows = Windows::default();
    let rule = Suppress {
        by: Vec::new(),
        within: Duration::from_mins(1),
    };
    let mut say = |second| {
        let together = Together::one(&hit(second, "x"));
        windows.suppress("r", &rule, "k".to_owned(), &together)
    };
    assert!(!say(0).is_repeat);
    let repeat = say(30);
    assert!(repeat.is_repeat);
    assert_eq!(repeat.count, 2);
    assert!(!say(60).is_repeat);
    assert_eq!(say(61).count, 2);
}

#[test]
fn keys_are_bounded_and_counted() {
    let mut windows = Windows::default();
    let rule = threshold(5, 60);
    for number in 0..3 * MAX_KEYS {
        let second = i64::try_from(number).unwrap();
        windows.threshold("r", &rule, &number.to_string(), hit(second, "a"));
    }
    assert!(windows.keys() <= MAX_KEYS + 1);
    assert!(windows.evicted > 0);
}

#[test]
fn windows_survive_being_written_down() {
    let mut windows = Windows::default();
    let rule = threshold(2, 60);
    assert_eq!(windows.threshold("r", &rule, "k", hit(0, "a")), None);
    let text = serde_json::to_string(&windows).unwrap();
    let mut again: Windows = serde_json::from_str(&text).unwrap();
    assert_eq!(again, windows);
    assert!(again.threshold("r", &rule, "k", hit(1, "b")).is_some());
}
