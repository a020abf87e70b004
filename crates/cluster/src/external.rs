//! Providers of external data, asked: over HTTPS, within their time, and
//! no more often than needed.
//!
//! Policies that judge call [`ExternalData`] from the threads they are
//! evaluated on; an [`Asker`] answers them. It trusts the authority a
//! `Provider` names and nobody else, sends nothing but keys, and keeps
//! what it heard for a while. Of several that ask the same at once, one
//! goes. A provider that failed is left alone for a moment, so that
//! nobody waits for it once for every object. What goes wrong is an
//! answer, in Gatekeeper's words: a policy says what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fetch::{Client, Settings, Trust, Url};
use model::{Clock, error::chain};
use policy::{
    ExternalData, Policies,
    external::{Answers, MAX_KEYS, Provider},
};
use serde_json::{Value, json};

/// How long an answer is kept, and how many of them.
pub const KEPT: Duration = Duration::from_mins(3);
const MOST_KEPT: usize = 10_000;
/// A larger answer to one key is not kept.
const MAX_KEPT: usize = 4 << 10;
/// The largest answer that is read.
const MAX_ANSWER: u64 = 4 << 20;
/// Questions one provider is asked at once.
const AT_ONCE: usize = 8;
/// How long a provider that failed is left alone.
const REST: Duration = Duration::from_secs(2);

/// Asks providers, and remembers what they said.
pub struct Asker {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// A question came to its end.
    ended: Condvar,
}

struct State {
    answers: Answers,
    /// Those that gave no answer when last asked.
    failed: BTreeMap<String, Failure>,
    /// The keys each is being asked for.
    asked: BTreeMap<String, Vec<BTreeSet<String>>>,
}

/// How a provider failed.
struct Failure {
    at_ns: i64,
    error: String,
    /// It was not reached, and is left alone for a while.
    rests: bool,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}

/// The providers of one set of policies, and who asks them.
#[derive(Debug)]
struct Known {
    asker: Arc<Asker>,
    providers: BTreeMap<String, Result<Reached, String>>,
}

/// A provider, and how it is reached.
#[derive(Debug)]
struct Reached {
    provider: Provider,
    url: Url,
    client: Client,
    /// What its answers are kept under: one of the same name elsewhere,
    /// or trusted by another authority, is another one.
    mark: String,
}

impl Asker {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let keep_ns = i64::try_from(KEPT.as_nanos()).unwrap_or(i64::MAX);
        Arc::new(Self {
            clock,
            state: Mutex::new(State {
                answers: Answers::new(keep_ns, MOST_KEPT),
                failed: BTreeMap::new(),
                asked: BTreeMap::new(),
            }),
            ended: Condvar::new(),
        })
    }

    /// Answers for the providers among `policies`.
    pub fn of(self: &Arc<Self>, policies: &Policies) -> Arc<dyn ExternalData> {
        let providers = policies.providers().iter();
        let providers: BTreeMap<_, _> = providers
            .map(|(name, provider)| (name.clone(), Reached::new(provider)))
            .collect();
        // Of one that is no longer there nobody wants to hear.
        let marks: BTreeSet<&str> = providers
            .values()
            .flatten()
            .map(|reached| reached.mark.as_str())
            .collect();
        let mut state = self.state();
        state.failed.retain(|mark, _| marks.contains(mark.as_str()));
        drop(state);
        Arc::new(Known {
            asker: Arc::clone(self),
            providers,
        })
    }

    fn now_ns(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, reached: &Reached, keys: &[String]) -> Value {
        match self.find(reached, keys) {
            Ok(found) => found.value(),
            Err(error) => Provider::no_answer(&error),
        }
    }

    /// What is kept, and the provider's word on the rest.
    fn find(&self, reached: &Reached, keys: &[String]) -> Result<Found, String> {
        let deadline = Instant::now() + reached.timeout();
        let mut state = self.state();
        let (mut found, missing) = loop {
            let now_ns = self.now_ns();
            let (found, missing) = state.kept(reached, keys, now_ns);
            if missing.is_empty() {
                return Ok(found);
            }
            if missing.len() > MAX_KEYS {
                return Err(format!(
                    "failed to send external data request: more than {MAX_KEYS} keys at once"
                ));
            }
            if let Some(error) = state.resting(reached, now_ns) {
                return Err(error);
            }
            if state.has_turn(reached, &missing) {
                break (found, missing);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!(
                    "failed to send external data request: provider {} is busy with questions \
                     that came before",
                    reached.provider.name
                ));
            }
            (state, _) = self
                .ended
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        };
        let asked = state.asked.entry(reached.mark.clone()).or_default();
        asked.push(missing.iter().cloned().collect());
        drop(state);
        let turn = Turn {
            asker: self,
            reached,
            missing: &missing,
        };
        let answer = reached.send(&missing);
        let heard = turn.end(answer)?;
        found.add(&heard);
        Ok(found)
    }
}

impl State {
    /// What is known of these keys, and those of which nothing is.
    fn kept(&self, reached: &Reached, keys: &[String], now_ns: i64) -> (Found, Vec<String>) {
        let mut found = Found::new();
        let mut missing = Vec::new();
        for key in keys {
            match self.answers.get(&reached.mark, key, now_ns) {
                Some(kept) => found.add(kept),
                None if missing.contains(key) => {}
                None => missing.push(key.clone()),
            }
            if missing.len() > MAX_KEYS {
                break;
            }
        }
        (found, missing)
    }

    fn resting(&self, reached: &Reached, now_ns: i64) -> Option<String> {
        let failure = self.failed.get(&reached.mark)?;
        (failure.rests && is_within(REST, failure.at_ns, now_ns)).then(|| failure.error.clone())
    }

    /// Whether nobody asks the same, and not too many ask at all.
    fn has_turn(&self, reached: &Reached, missing: &[String]) -> bool {
        let Some(asked) = self.asked.get(&reached.mark) else {
            return true;
        };
        let is_asked = |key: &String| asked.iter().any(|keys| keys.contains(key));
        asked.len() < AT_ONCE && !missing.iter().any(is_asked)
    }
}

fn is_within(time: Duration, since_ns: i64, now_ns: i64) -> bool {
    let passed = now_ns.saturating_sub(since_ns);
    i128::from(passed) < i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

/// A question under way: others see its end, however it ends.
struct Turn<'a> {
    asker: &'a Asker,
    reached: &'a Reached,
    missing: &'a [String],
}

impl Turn<'_> {
    /// Keeps what was heard.
    fn end(self, answer: Result<Value, String>) -> Result<Value, String> {
        let now_ns = self.asker.now_ns();
        let mut state = self.asker.state();
        let mark = &self.reached.mark;
        let trouble = match &answer {
            Ok(heard) => heard["system_error"].as_str().filter(|it| !it.is_empty()),
            Err(error) => Some(error.as_str()),
        };
        if let Some(error) = trouble {
            if state.failed.get(mark).is_none_or(|it| it.error != error) {
                tracing::warn!(
                    provider = self.reached.provider.name,
                    error,
                    "a provider of external data did not answer"
                );
            }
            let failure = Failure {
                at_ns: now_ns,
                error: error.to_owned(),
                // Who has trouble may say otherwise in a moment.
                rests: answer.is_err(),
            };
            state.failed.insert(mark.clone(), failure);
        } else {
            state.failed.remove(mark);
            for (key, kept) in answer.iter().flat_map(one_by_one) {
                if self.missing.contains(&key) && kept.to_string().len() <= MAX_KEPT {
                    state.answers.put(mark, &key, kept, now_ns);
                }
            }
        }
        drop(state);
        answer
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.asker.state();
        if let Some(asked) = state.asked.get_mut(&self.reached.mark) {
            let own = |keys: &BTreeSet<String>| {
                keys.len() == self.missing.len()
                    && self.missing.iter().all(|key| keys.contains(key))
            };
            asked.retain(|keys| !own(keys));
            if asked.is_empty() {
                state.asked.remove(&self.reached.mark);
            }
        }
        drop(state);
        self.asker.ended.notify_all();
    }
}

/// An answer, one key at a time, each in the shape of the whole.
fn one_by_one(heard: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for field in ["responses", "errors"] {
        for pair in heard[field].as_array().into_iter().flatten() {
            if let Some(key) = pair[0].as_str() {
                let kept = json!({(field): [pair], "status_code": 200,
                    "idempotent": heard["idempotent"]});
                all.push((key.to_owned(), kept));
            }
        }
    }
    all
}

/// An answer made of several.
struct Found {
    responses: Vec<Value>,
    errors: Vec<Value>,
    status: u64,
    system_error: String,
    is_idempotent: bool,
}

impl Found {
    fn new() -> Self {
        Self {
            responses: Vec::new(),
            errors: Vec::new(),
            status: 200,
            system_error: String::new(),
            is_idempotent: true,
        }
    }

    fn add(&mut self, heard: &Value) {
        let list = |field: &str| heard[field].as_array().into_iter().flatten().cloned();
        self.responses.extend(list("responses"));
        self.errors.extend(list("errors"));
        self.status = heard["status_code"].as_u64().unwrap_or(self.status);
        self.is_idempotent &= heard["idempotent"] == true;
        self.system_error
            .push_str(heard["system_error"].as_str().unwrap_or_default());
    }

    fn value(self) -> Value {
        json!({"responses": self.responses, "errors": self.errors, "status_code": self.status,
               "system_error": self.system_error, "idempotent": self.is_idempotent})
    }
}

impl Reached {
    fn new(provider: &Provider) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!(
                "failed to get HTTP client: provider {}: {error}",
                provider.name
            )
        };
        let url = Url::parse(&provider.url).map_err(|error| failed(&error))?;
        let timeout = Duration::from_secs(provider.timeout_seconds);
        let settings = Settings {
            connect_timeout: timeout,
            idle_timeout: timeout,
            total_timeout: Some(timeout),
            retries: 0,
            proxy_from_environment: false,
            ..Settings::default()
        };
        let trust = Trust {
            roots: provider.ca.clone(),
            identity: None,
        };
        let client =
            Client::with_trust(&trust, &settings).map_err(|error| failed(&chain(&error)))?;
        Ok(Self {
            mark: [provider.name.as_str(), url.as_str(), &provider.ca].join("\n"),
            provider: provider.clone(),
            url,
            client,
        })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.provider.timeout_seconds)
    }

    fn send(&self, keys: &[String]) -> Result<Value, String> {
        let request = self.provider.request(keys).to_string();
        let response = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .body(request)
            .send()
            .map_err(|error| format!("failed to send external data request: {}", chain(&error)))?;
        let status = response.status;
        let bytes = response
            .bytes(MAX_ANSWER)
            .map_err(|error| format!("failed to read external data response: {}", chain(&error)))?;
        let unread = |error: &dyn std::fmt::Display| {
            format!(
                "failed to unmarshal external data response: {} answered {status}: {error}",
                self.provider.name
            )
        };
        let body: Value = serde_json::from_slice(&bytes).map_err(|error| unread(&error))?;
        if !body["response"].is_object() {
            return Err(unread(&"there is no \"response\" in it"));
        }
        Ok(Provider::answer(status, &body))
    }
}

impl ExternalData for Known {
    fn ask(&self, provider: &str, keys: &[String]) -> Value {
        match self.providers.get(provider) {
            Some(Ok(reached)) => self.asker.ask(reached, keys),
            Some(Err(error)) => Provider::no_answer(error),
            None => Provider::no_answer(&format!(
                "key is not found in provider cache: there is no Provider named {provider:?} \
                 among the policies"
            )),
        }
    }

    /// A turn is waited for as long as an answer.
    fn patience(&self) -> Duration {
        let reached = self.providers.values().flatten();
        reached.map(Reached::timeout).max().unwrap_or_default() * 2
    }

    fn troubles(&self) -> Vec<(String, String)> {
        let state = self.asker.state();
        let trouble = |reached: &Result<Reached, String>| match reached {
            Ok(reached) => Some(state.failed.get(&reached.mark)?.error.clone()),
            Err(error) => Some(error.clone()),
        };
        self.providers
            .iter()
            .filter_map(|(name, reached)| Some((name.clone(), trouble(reached)?)))
            .collect()
    }
}
