//! Two lanes: what changed goes before what is only looked at anew,
//! because policies, images or other objects did. A person who mends a
//! pod does not wait until a whole cluster is judged by a new policy.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use api::posture::ObjectKey;

/// Why something is to be done about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It changed, or what it hangs on.
    News,
    /// Something else did, which may say other things of it.
    Around,
}

/// Objects to be judged, each once, those that wait longest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    news: VecDeque<Arc<ObjectKey>>,
    around: VecDeque<Arc<ObjectKey>>,
    since: HashMap<Arc<ObjectKey>, (Instant, Why)>,
}

/// One that is judged now.
pub(crate) struct Due {
    pub(crate) key: Arc<ObjectKey>,
    pub(crate) since: Instant,
    pub(crate) why: Why,
}

impl Waiting {
    pub(crate) fn push(&mut self, key: Arc<ObjectKey>, why: Why, now: Instant) {
        let since = match self.since.get(&key) {
            Some((_, Why::News)) => return,
            Some((_, Why::Around)) if why == Why::Around => return,
            Some((since, Why::Around)) => *since,
            None => now,
        };
        self.since.insert(Arc::clone(&key), (since, why));
        match why {
            Why::News => self.news.push_back(key),
            Why::Around => self.around.push_back(key),
        }
    }

    /// At most `most`, which wait no more.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < most {
            let next = self.news.pop_front().or_else(|| self.around.pop_front());
            let Some(key) = next else { break };
            // It was in the other lane, too, or is gone.
            if let Some((since, why)) = self.since.remove(&key) {
                due.push(Due { key, since, why });
            }
        }
        due
    }

    /// Those there was no time for are the next again.
    pub(crate) fn put_back(&mut self, left: Vec<Due>) {
        for Due { key, since, why } in left.into_iter().rev() {
            self.since.insert(Arc::clone(&key), (since, why));
            match why {
                Why::News => self.news.push_front(key),
                Why::Around => self.around.push_front(key),
            }
        }
    }

    /// What is gone waits no more.
    pub(crate) fn forget(&mut self, key: &ObjectKey) {
        self.since.remove(key);
    }

    pub(crate) fn has(&self, key: &ObjectKey) -> bool {
        self.since.contains_key(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.since.len()
    }
}

/// Objects to be told of, each once.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    news: BTreeSet<Arc<ObjectKey>>,
    around: BTreeSet<Arc<ObjectKey>>,
}

impl Untold {
    pub(crate) fn insert(&mut self, key: Arc<ObjectKey>, why: Why) {
        match why {
            Why::News => {
                self.around.remove(&key);
                self.news.insert(key);
            }
            Why::Around if self.news.contains(&key) => {}
            Why::Around => {
                self.around.insert(key);
            }
        }
    }

    /// The next, and why.
    pub(crate) fn pop(&mut self) -> Option<(Arc<ObjectKey>, Why)> {
        let news = self.news.pop_first().map(|key| (key, Why::News));
        news.or_else(|| Some((self.around.pop_first()?, Why::Around)))
    }

    /// Whether only what is looked at anew is left.
    pub(crate) fn has_no_news(&self) -> bool {
        self.news.is_empty()
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        self.news.remove(key);
        self.around.remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.news.len() + self.around.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(name: &str) -> Arc<ObjectKey> {
        Arc::new(ObjectKey {
            kind: "Pod".to_owned(),
            name: name.to_owned(),
            ..ObjectKey::default()
        })
    }

    #[test]
    fn news_overtake_and_nothing_is_judged_twice() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for name in ["a", "b", "c"] {
            waiting.push(key(name), Why::Around, now);
        }
        waiting.push(key("d"), Why::News, now);
        waiting.push(key("c"), Why::News, now);
        waiting.push(key("c"), Why::Around, now);
        waiting.push(key("gone"), Why::News, now);
        waiting.forget(&key("gone"));
        assert_eq!(waiting.len(), 4);
        let due = waiting.take(3);
        let names: Vec<&str> = due.iter().map(|due| due.key.name.as_str()).collect();
        assert_eq!(names, ["d", "c", "a"]);
        assert!(!waiting.has(&key("c")) && waiting.has(&key("b")));
        let rest = waiting.take(9);
        assert_eq!(rest.len(), 1);
        assert!(rest[0].key.name == "b" && rest[0].why == Why::Around);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn what_there_was_no_time_for_is_next_and_has_waited_all_along() {
        let (early, late) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut waiting = Waiting::default();
        for name in ["a", "b"] {
            waiting.push(key(name), Why::Around, early);
        }
        for name in ["x", "y", "z"] {
            waiting.push(key(name), Why::News, early);
        }
        let mut due = waiting.take(4);
        waiting.put_back(due.split_off(1));
        assert_eq!(waiting.len(), 4);
        waiting.push(key("y"), Why::News, late);
        waiting.push(key("a"), Why::Around, late);
        let rest = waiting.take(9);
        let rest: Vec<_> = rest
            .iter()
            .map(|due| (due.key.name.as_str(), due.since))
            .collect();
        assert_eq!(rest, ["y", "z", "a", "b"].map(|name| (name, early)));
    }

    #[test]
    fn what_changed_is_told_first_and_once() {
        let mut untold = Untold::default();
        untold.insert(key("a"), Why::Around);
        untold.insert(key("b"), Why::Around);
        untold.insert(key("z"), Why::News);
        untold.insert(key("b"), Why::News);
        untold.insert(key("z"), Why::Around);
        assert_eq!(untold.len(), 3);
        let told: Vec<_> = std::iter::from_fn(|| untold.pop())
            .map(|(key, why)| (key.name.clone(), why))
            .collect();
        let expected = [("b", Why::News), ("z", Why::News), ("a", Why::Around)];
        assert_eq!(told, expected.map(|(name, why)| (name.to_owned(), why)));
        assert!(untold.is_empty() && untold.has_no_news());
    }
}
