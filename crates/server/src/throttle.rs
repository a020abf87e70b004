//! How often somebody may try: sign-ins that fail, and requests.
//!
//! Both remember a bounded number of names and addresses. When one more
//! comes, those not heard of for the longest are forgotten.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard},
};

use jiff::{SignedDuration, Timestamp};

/// Names remembered at once.
const REMEMBERED: usize = 20_000;

/// Counts events by key within a window that begins with the first.
#[derive(Debug)]
struct Counter<K> {
    counts: HashMap<K, (Timestamp, u32)>,
    window: SignedDuration,
}

impl<K: Hash + Eq + Clone> Counter<K> {
    fn new(window: SignedDuration) -> Self {
        Self {
            counts: HashMap::new(),
            window,
        }
    }

    /// How many there were, and when they are forgotten.
    fn get(&self, key: &K, now: Timestamp) -> (u32, Timestamp) {
        match self.counts.get(key) {
            Some((first, count)) if now < *first + self.window => (*count, *first + self.window),
            _ => (0, now + self.window),
        }
    }

    fn add(&mut self, key: K, now: Timestamp) -> u32 {
        let (count, until) = self.get(&key, now);
        if self.counts.len() >= REMEMBERED && !self.counts.contains_key(&key) {
            self.make_room(now);
        }
        self.counts.insert(key, (until - self.window, count + 1));
        count + 1
    }

    fn make_room(&mut self, now: Timestamp) {
        let window = self.window;
        self.counts.retain(|_, (first, _)| now < *first + window);
        if self.counts.len() >= REMEMBERED {
            let mut firsts: Vec<Timestamp> =
                self.counts.values().map(|(first, _)| *first).collect();
            let middle = firsts.len() / 2;
            let (_, median, _) = firsts.select_nth_unstable(middle);
            let median = *median;
            self.counts.retain(|_, (first, _)| *first > median);
        }
    }
}

/// Failed sign-ins after which one account is closed to one address.
const FAILURES_HERE: u32 = 5;
/// … to every address: more, or anybody could lock anybody out.
const FAILURES_ACCOUNT: u32 = 30;
/// … after which an address may try no account at all.
const FAILURES_ADDRESS: u32 = 30;
const FAILURE_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Guards signing in.
#[derive(Debug)]
pub(crate) struct SignInThrottle(Mutex<Failures>);

#[derive(Debug)]
struct Failures {
    here: Counter<(String, String)>,
    account: Counter<String>,
    address: Counter<String>,
}

/// Too many: come back after this many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) retry_after: u64,
}

fn until(time: Timestamp, now: Timestamp) -> TooMany {
    let seconds = time.duration_since(now).as_secs().max(1);
    TooMany {
        retry_after: seconds.unsigned_abs(),
    }
}

impl Default for SignInThrottle {
    fn default() -> Self {
        Self(Mutex::new(Failures {
            here: Counter::new(FAILURE_WINDOW),
            account: Counter::new(FAILURE_WINDOW),
            address: Counter::new(FAILURE_WINDOW),
        }))
    }
}

impl SignInThrottle {
    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().expect("invariant: no panic under the lock")
    }

    /// Whether this account may be tried from this address. A link or a
    /// state is tried under the empty name.
    pub(crate) fn check(
        &self,
        account: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let failures = self.lock();
        let here = (account.to_owned(), address.to_owned());
        let is_named = !account.is_empty();
        let verdicts = [
            (is_named, failures.here.get(&here, now), FAILURES_HERE),
            (
                is_named,
                failures.account.get(&here.0, now),
                FAILURES_ACCOUNT,
            ),
            (true, failures.address.get(&here.1, now), FAILURES_ADDRESS),
        ];
        for (counts, (count, forgotten), most) in verdicts {
            if counts && count >= most {
                return Err(until(forgotten, now));
            }
        }
        Ok(())
    }

    /// Counts a failure. `true`: this one closed the door.
    pub(crate) fn failed(&self, account: &str, address: &str, now: Timestamp) -> bool {
        let mut failures = self.lock();
        let mut closed = false;
        if !account.is_empty() {
            let here = (account.to_owned(), address.to_owned());
            closed |= failures.here.add(here, now) == FAILURES_HERE;
            closed |= failures.account.add(account.to_owned(), now) == FAILURES_ACCOUNT;
        }
        closed | (failures.address.add(address.to_owned(), now) == FAILURES_ADDRESS)
    }

    /// Somebody got in: their own mistakes are forgotten, those of
    /// others from the same address are not.
    pub(crate) fn succeeded(&self, account: &str, address: &str) {
        let here = (account.to_owned(), address.to_owned());
        self.lock().here.counts.remove(&here);
    }
}

/// Guards everything else, by session or token.
#[derive(Debug)]
pub(crate) struct RequestThrottle {
    counts: Mutex<Counter<String>>,
    most: u32,
}

impl RequestThrottle {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            counts: Mutex::new(Counter::new(SignedDuration::from_mins(1))),
            most: per_minute,
        }
    }

    /// Counts one more request of `who`.
    pub(crate) fn take(&self, who: &str, now: Timestamp) -> Result<(), TooMany> {
        let mut counts = self
            .counts
            .lock()
            .expect("invariant: no panic under the lock");
        let key = who.to_owned();
        let (count, forgotten) = counts.get(&key, now);
        if count >= self.most {
            return Err(until(forgotten, now));
        }
        counts.add(key, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn an_account_closes_to_who_guesses_and_opens_again() {
        let throttle = SignInThrottle::default();
        for attempt in 1..=FAILURES_HERE {
            assert_eq!(throttle.check("ada", "192.0.2.1", at(0)), Ok(()));
            let closed = throttle.failed("ada", "192.0.2.1", at(0));
            assert_eq!(closed, attempt == FAILURES_HERE);
        }
        let refused = throttle.check("ada", "192.0.2.1", at(60));
        assert_eq!(refused, Err(TooMany { retry_after: 840 }));
        // Neither is the account closed to its owner elsewhere, nor the
        // address to others.
        assert_eq!(throttle.check("ada", "192.0.2.2", at(60)), Ok(()));
        assert_eq!(throttle.check("bob", "192.0.2.1", at(60)), Ok(()));
        assert_eq!(throttle.check("ada", "192.0.2.1", at(900)), Ok(()));
    }

    #[test]
    fn guessing_from_many_places_or_at_many_accounts_ends_too() {
        let throttle = SignInThrottle::default();
        for place in 0..FAILURES_ACCOUNT {
            throttle.failed("ada", &format!("10.0.0.{place}"), at(0));
        }
        assert!(throttle.check("ada", "192.0.2.9", at(1)).is_err());
        for name in 0..FAILURES_ADDRESS {
            throttle.failed(&format!("user{name}"), "192.0.2.1", at(0));
        }
        assert!(throttle.check("", "192.0.2.1", at(1)).is_err());
    }

    #[test]
    fn getting_in_forgives_ones_own_mistakes() {
        let throttle = SignInThrottle::default();
        for _ in 1..FAILURES_HERE {
            throttle.failed("ada", "192.0.2.1", at(0));
        }
        throttle.succeeded("ada", "192.0.2.1");
        throttle.failed("ada", "192.0.2.1", at(1));
        assert_eq!(throttle.check("ada", "192.0.2.1", at(1)), Ok(()));
    }

    #[test]
    fn memory_stays_bounded() {
        let throttle = SignInThrottle::default();
        for number in 0..i64::try_from(REMEMBERED).unwrap() * 2 {
            throttle.failed(&format!("user{number}"), "192.0.2.1", at(number / 1000));
        }
        let failures = throttle.lock();
        assert!(failures.account.counts.len() <= REMEMBERED);
        assert!(failures.here.counts.len() <= REMEMBERED);
    }

    #[test]
    fn requests_run_out_and_come_back() {
        let throttle = RequestThrottle::new(3);
        for _ in 0..3 {
            assert_eq!(throttle.take("session", at(0)), Ok(()));
        }
        let refused = throttle.take("session", at(10));
        assert_eq!(refused, Err(TooMany { retry_after: 50 }));
        assert_eq!(throttle.take("token", at(10)), Ok(()));
        assert_eq!(throttle.take("session", at(60)), Ok(()));
    }
}
