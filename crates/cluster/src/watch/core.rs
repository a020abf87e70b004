//! The heart of a connector: objects in, verdicts out, without a network
//! and without a clock but for how long things wait.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use api::posture::{ConnectorProblem, ObjectKey};
use policy::{Document, Policies, Problem, World, review::Kind};
use serde_json::Value;

use super::{
    contents,
    good::Good,
    kinds,
    lanes::{Due, Untold, Waiting, Why},
    mirror::{Arrived, Mirror},
    providers::Providers,
    verdict::{Judged, Verdict},
};
use crate::external::Asker;

/// Objects one thread judges before their verdicts are kept.
pub(super) const PART: usize = 16;
/// Threads that judge at once, at most.
const THREADS: usize = 4;
/// How long further changes are waited for of what policies look up.
const SETTLE: Duration = Duration::from_millis(500);
/// Problems kept of one sort.
const MAX_PROBLEMS: usize = 200;

/// Everything a connector knows.
#[derive(Debug)]
pub struct Core {
    pub(crate) mirror: Mirror,
    versions: HashMap<(String, String), String>,
    /// From the server, or those the program has with it.
    bundle: Arc<Vec<Document>>,
    good: Good,
    /// What objects hold that are kept without.
    pub(super) contents: contents::Waiting,
    /// Policies look into such objects.
    pub(super) reads_contents: bool,
    /// Some have to come once more.
    lacks_contents: bool,
    pub(super) policies: Arc<Policies>,
    /// Problems of policies, and of objects.
    policy_problems: Vec<Problem>,
    refused: BTreeMap<ObjectKey, String>,
    inventory: HashSet<(String, String)>,
    pub(super) world: World,
    providers: Providers,
    /// Sets of policies objects were judged by.
    sets: Vec<Arc<[String]>>,
    set_of: HashMap<Arc<[String]>, u32>,
    judged: HashMap<Arc<ObjectKey>, Judged>,
    waiting: Waiting,
    /// When everything that may look things up is to be judged again.
    looked_up: Option<Instant>,
    /// When policies are to be read again.
    reread: Option<Instant>,
    /// What the server has to be told.
    pub(crate) changed: Untold,
    pub(crate) gone: BTreeSet<ObjectKey>,
    /// What it was told of.
    pub(crate) sent: HashSet<Arc<ObjectKey>>,
    /// The slowest from a change to its verdict, and since when.
    lag: (Duration, Duration),
    lag_since: Option<Instant>,
    /// Threads that judge at once: what the machine has is read from
    /// files, too dear to be asked at each step.
    threads: usize,
}

impl Core {
    pub fn new(bundle: Arc<Vec<Document>>) -> Self {
        let mut core = Self {
            mirror: Mirror::default(),
            versions: HashMap::new(),
            bundle,
            good: Good::default(),
            contents: contents::Waiting::default(),
            reads_contents: false,
            lacks_contents: false,
            policies: Arc::default(),
            policy_problems: Vec::new(),
            refused: BTreeMap::new(),
            inventory: HashSet::new(),
            world: World::default(),
            providers: Providers::default(),
            sets: Vec::new(),
            set_of: HashMap::new(),
            judged: HashMap::new(),
            waiting: Waiting::default(),
            looked_up: None,
            reread: None,
            changed: Untold::default(),
            gone: BTreeSet::new(),
            sent: HashSet::new(),
            lag: (Duration::ZERO, Duration::ZERO),
            lag_since: None,
            threads: thread::available_parallelism()
                .map_or(1, usize::from)
                .min(THREADS),
        };
        core.read_policies();
        core
    }

    /// Providers of external data are asked from now on, and again after
    /// `again`.
    pub fn ask(&mut self, asker: Arc<Asker>, again: Duration) {
        self.providers = Providers::asked_by(asker, again);
        self.world.external = self.providers.of(&self.policies, Instant::now());
    }

    pub(crate) fn asks_providers(&self) -> bool {
        self.providers.is_on()
    }

    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// Takes an object in, at `now`.
    pub fn put(&mut self, arrived: Arrived, now: Instant) {
        let Arrived {
            key,
            version,
            object,
            contents,
        } = arrived;
        let kind = (key.group.clone(), key.kind.clone());
        self.refused.remove(&key);
        self.gone.remove(&key);
        if self.versions.get(&kind) != Some(&version) {
            self.versions.insert(kind.clone(), version);
        }
        let contents = contents.filter(|_| self.reads_contents);
        let contents = contents.map(|contents| (key.clone(), contents));
        if let Some(key) = self.mirror.put(key, object) {
            self.note(&key, false, now);
            self.touch(key, now);
        }
        if let Some((key, contents)) = contents
            && let Some(key) = self.mirror.shared(&key)
        {
            self.lacks_contents |= !self.contents.put(&key, contents);
            self.waiting.push(key, Why::News, now);
        }
    }

    pub(crate) fn lacks_contents(&self) -> bool {
        self.lacks_contents
    }

    /// Whether objects have to come once more that are judged by what
    /// they hold; said once.
    pub(crate) fn wants_contents(&mut self) -> bool {
        std::mem::take(&mut self.lacks_contents)
    }

    /// Forgets an object.
    pub fn remove(&mut self, key: &ObjectKey, now: Instant) {
        self.refused.remove(key);
        self.contents.remove(key);
        let below = self.mirror.below(key);
        let Some(key) = self.mirror.remove(key) else {
            return;
        };
        self.note(&key, true, now);
        self.judged.remove(&key);
        self.waiting.forget(&key);
        self.changed.remove(&key);
        if self.sent.remove(&key) {
            self.gone.insert((*key).clone());
        }
        for child in below {
            self.dirty(child, now);
        }
    }

    /// An object was refused: it is not known, and somebody is told.
    pub fn refuse(&mut self, key: ObjectKey, why: String, now: Instant) {
        self.remove(&key, now);
        if self.refused.len() < MAX_PROBLEMS {
            self.refused.insert(key, why);
        }
    }

    /// Other policies hold from now on.
    pub fn take_bundle(&mut self, bundle: Arc<Vec<Document>>, now: Instant) {
        if !Arc::ptr_eq(&self.bundle, &bundle) {
            // The same ones are told again and again: they are compared
            // once, and known by their place after that.
            if *self.bundle != *bundle {
                self.reread = Some(now);
            }
            self.bundle = bundle;
        }
    }

    /// What is known of images changed.
    pub fn take_images(&mut self, images: Arc<BTreeMap<String, policy::ImageState>>, now: Instant) {
        if !Arc::ptr_eq(&self.world.images, &images) {
            let before = std::mem::replace(&mut self.world.images, images);
            let known = Arc::clone(&self.world.images);
            let changed = differing(&before, &known);
            if !changed.is_empty() {
                self.rejudge_naming(&changed, now);
            }
        }
    }

    /// Objects that name one of these images.
    fn rejudge_naming(&mut self, changed: &HashSet<&str>, now: Instant) {
        let naming: Vec<_> = self
            .judged
            .keys()
            .filter(|key| {
                self.mirror.get(key).is_some_and(|object| {
                    let value = object.value();
                    let names = policy::image_names(&value);
                    names.into_iter().any(|name| changed.contains(name))
                })
            })
            .cloned()
            .collect();
        for key in naming {
            self.rejudge(key, now);
        }
    }

    /// Who signed images changed, or whose signatures are asked for.
    pub fn take_trust(&mut self, trust: Arc<policy::Trust>, now: Instant) {
        if !Arc::ptr_eq(&self.world.trust, &trust) && *self.world.trust != *trust {
            self.world.trust = trust;
            self.rejudge_all(now);
        }
    }

    /// Kinds that policies look up and of which not all is known: those
    /// who look do not judge.
    pub(crate) fn take_unseen(&mut self, unseen: BTreeSet<Kind>, now: Instant) {
        if *self.world.unseen != unseen {
            self.world.unseen = Arc::new(unseen);
            self.rejudge_where(now, Policies::looks_around);
        }
    }

    /// Notes what an object means to others.
    fn note(&mut self, key: &Arc<ObjectKey>, is_gone: bool, now: Instant) {
        if kinds::is_policy(&key.group, &key.kind) {
            self.reread = Some(now + SETTLE);
        }
        if key.group.is_empty() && key.kind == "Namespace" {
            if is_gone {
                self.world.namespaces.remove(&key.name);
            } else if let Some(object) = self.mirror.get(key) {
                let object = Arc::new(object.value());
                self.world.namespaces.insert(key.name.clone(), object);
            }
            // Constraints choose namespaces by their labels.
            let inside = self.mirror.keys();
            let inside: Vec<_> = inside
                .filter(|other| other.namespace == key.name)
                .cloned()
                .collect();
            for other in inside {
                self.rejudge(other, now);
            }
        }
        if self
            .inventory
            .contains(&(key.group.clone(), key.kind.clone()))
            && self.look_up(key, is_gone)
        {
            // Not later with every further change.
            self.looked_up.get_or_insert(now + SETTLE);
        }
    }

    /// Whether that changed what others can look up.
    fn look_up(&mut self, key: &ObjectKey, is_gone: bool) -> bool {
        if is_gone {
            let kind = self.kind(key);
            let inventory = &mut self.world.inventory;
            return inventory.remove(&kind, &key.namespace, &key.name);
        }
        let Some(object) = self.mirror.get(key) else {
            return false;
        };
        let mut object = object.value();
        if self.policies.looks_up_names_only(&self.kind(key)) {
            object = policy::names_only(&object);
        }
        self.world.inventory.put(&object)
    }

    pub(crate) fn kind(&self, key: &ObjectKey) -> Kind {
        let version = self.versions.get(&(key.group.clone(), key.kind.clone()));
        Kind {
            group: key.group.clone(),
            version: version.cloned().unwrap_or_default(),
            kind: key.kind.clone(),
        }
    }

    /// An object, and all that hangs on it, are looked at again.
    fn touch(&mut self, key: Arc<ObjectKey>, now: Instant) {
        for child in self.mirror.below(&key) {
            self.dirty(child, now);
        }
        self.dirty(key, now);
    }

    fn dirty(&mut self, key: Arc<ObjectKey>, now: Instant) {
        self.changed.insert(Arc::clone(&key), Why::News);
        self.waiting.push(key, Why::News, now);
    }

    fn rejudge(&mut self, key: Arc<ObjectKey>, now: Instant) {
        self.waiting.push(key, Why::Around, now);
    }

    /// Reads policies again: those of the bundle, and the cluster's own.
    fn read_policies(&mut self) {
        let mut documents = (*self.bundle).clone();
        for key in self.mirror.keys() {
            if kinds::is_policy(&key.group, &key.kind)
                && let Some(object) = self.mirror.get(key)
            {
                documents.push(Document {
                    source: format!("{}/{} in the cluster", key.kind, key.name),
                    value: object.value(),
                });
            }
        }
        let (policies, problems) = self.good.load(documents);
        self.policies = Arc::new(policies);
        self.world.external = self.providers.of(&self.policies, Instant::now());
        self.policy_problems = problems;
        self.reads_contents = self.policies.names(&kinds::config_map());
        if !self.reads_contents {
            self.contents.clear();
        }
        let wanted = self.policies.inventory_kinds().into_iter();
        self.inventory = wanted.map(|kind| (kind.group, kind.kind)).collect();
        self.world.inventory = policy::Inventory::default();
        for (group, kind) in self.inventory.clone() {
            let all: Vec<_> = self.mirror.of_kind(&group, &kind).cloned().collect();
            for key in all {
                self.look_up(&key, false);
            }
        }
    }

    fn rejudge_all(&mut self, now: Instant) {
        let all: Vec<_> = self.mirror.keys().cloned().collect();
        for key in all {
            self.rejudge(key, now);
        }
    }

    /// What may be judged otherwise though it did not change.
    fn rejudge_where(&mut self, now: Instant, may: fn(&Policies, &Kind) -> bool) {
        let mut looks = HashMap::new();
        let mut found = Vec::new();
        for key in self.mirror.keys() {
            let looks = looks.entry((&key.group, &key.kind));
            if *looks.or_insert_with(|| may(&self.policies, &self.kind(key))) {
                found.push(Arc::clone(key));
            }
        }
        for key in found {
            self.rejudge(key, now);
        }
    }

    /// When there is something to do though nothing changes.
    pub fn due(&self) -> Option<Instant> {
        self.looked_up.into_iter().chain(self.reread).min()
    }

    /// Whether an object is about to be judged.
    pub(crate) fn is_waiting(&self, key: &ObjectKey) -> bool {
        self.waiting.has(key)
    }

    pub fn to_judge(&self) -> usize {
        self.waiting.len()
    }

    /// Judges what has to be, for about `budget`; `now_ns` is the wall
    /// clock's, for policies that ask. `true`: policies were read again,
    /// and may want other kinds.
    pub fn judge(&mut self, budget: Duration, now_ns: i64) -> bool {
        let begun = Instant::now();
        let mut reread = false;
        if self.reread.take_if(|due| *due <= begun).is_some() {
            self.read_policies();
            self.rejudge_all(begun);
            reread = true;
        }
        if self.looked_up.take_if(|due| *due <= begun).is_some() {
            self.rejudge_where(begun, Policies::looks_around);
        }
        if self.providers.are_due(begun) {
            self.rejudge_where(begun, Policies::asks_providers);
        }
        self.world.now_ns = now_ns;
        let threads = self.threads;
        while self.waiting.len() > 0 && begun.elapsed() < budget {
            let batch = self.waiting.take(PART * threads);
            let verdicts = self.judge_batch(&batch, threads, begun + budget);
            let now = Instant::now();
            let mut left = Vec::new();
            for (due, verdict) in batch.into_iter().zip(verdicts) {
                match verdict {
                    Some(verdict) => self.keep(due, verdict, now),
                    None => left.push(due),
                }
            }
            self.waiting.put_back(left);
        }
        reread
    }

    fn keep(&mut self, due: Due, verdict: Verdict, now: Instant) {
        let Due { key, since, why } = due;
        let waited = now.saturating_duration_since(since);
        let begun = *self.lag_since.get_or_insert(now);
        if now.saturating_duration_since(begun) > Duration::from_mins(1) {
            self.lag = (Duration::ZERO, self.lag.0);
            self.lag_since = Some(now);
        }
        self.lag.0 = self.lag.0.max(waited);
        match verdict {
            Verdict::Stays => self.lacks_contents = true,
            Verdict::None => {
                if self.judged.remove(&key).is_some() {
                    self.changed.insert(key, why);
                }
            }
            Verdict::Judged {
                policies,
                violations,
            } => {
                self.contents.remove(&key);
                let judged = Judged::new(self.set_number(policies), &violations);
                if self.judged.get(&key).map(|known| known.hash) != Some(judged.hash) {
                    self.judged.insert(Arc::clone(&key), judged);
                    self.changed.insert(key, why);
                }
            }
        }
    }

    fn set_number(&mut self, policies: Vec<String>) -> u32 {
        let set: Arc<[String]> = policies.into();
        if let Some(number) = self.set_of.get(&set) {
            return *number;
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(Arc::clone(&set));
        self.set_of.insert(set, number);
        number
    }

    /// The kinds of the constraints of one set.
    pub fn set(&self, number: u32) -> &[String] {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.sets.get(number).map_or(&[], |set| set)
    }

    pub fn judged(&self, key: &ObjectKey) -> Option<&Judged> {
        self.judged.get(key)
    }

    /// Every verdict there is.
    pub fn verdicts(&self) -> impl Iterator<Item = (&ObjectKey, &Judged)> {
        self.judged.iter().map(|(key, judged)| (&**key, judged))
    }

    pub fn objects(&self) -> usize {
        self.mirror.len()
    }

    /// The slowest from a change to its verdict, of the last minute or
    /// two.
    pub fn lag(&self) -> Duration {
        self.lag.0.max(self.lag.1)
    }

    /// Everything has to be told again.
    pub fn tell_all(&mut self) {
        self.gone.clear();
        self.sent.clear();
        for key in self.mirror.keys() {
            self.changed.insert(Arc::clone(key), Why::News);
        }
    }

    /// What is wrong with policies and objects.
    pub fn problems(&self) -> Vec<ConnectorProblem> {
        let policies = self.policy_problems.iter().map(|problem| ConnectorProblem {
            about: format!("{}/{} ({})", problem.kind, problem.name, problem.source),
            message: problem.message.clone(),
            mend: String::new(),
        });
        let objects = self.refused.iter().map(|(key, why)| ConnectorProblem {
            about: path(key),
            message: format!("not judged: {why}"),
            mend: String::new(),
        });
        let troubles = self.world.external.iter().flat_map(|it| it.troubles());
        let providers = troubles.map(|(name, error)| ConnectorProblem {
            about: format!("Provider/{name}"),
            message: format!("does not answer: {error}"),
            mend: String::new(),
        });
        let policies = policies.take(MAX_PROBLEMS);
        let providers = providers.take(MAX_PROBLEMS);
        policies.chain(providers).chain(objects).collect()
    }
}

/// The images of which one side says something else than the other.
fn differing<'a>(
    known: &'a BTreeMap<String, policy::ImageState>,
    now: &'a BTreeMap<String, policy::ImageState>,
) -> HashSet<&'a str> {
    let differs = |one: &BTreeMap<_, _>, (name, state): (&'a String, &policy::ImageState)| {
        (one.get(name) != Some(state)).then_some(name.as_str())
    };
    let gone = known.iter().filter_map(|entry| differs(now, entry));
    let came = now.iter().filter_map(|entry| differs(known, entry));
    gone.chain(came).collect()
}

/// An object's name for people: `Deployment shop/web`.
pub(crate) fn path(key: &ObjectKey) -> String {
    match key.namespace.as_str() {
        "" => format!("{} {}", key.kind, key.name),
        namespace => format!("{} {namespace}/{}", key.kind, key.name),
    }
}

/// Whole objects, for tests and files.
impl Extend<Value> for Core {
    fn extend<I: IntoIterator<Item = Value>>(&mut self, objects: I) {
        let now = Instant::now();
        for object in objects {
            match Arrived::of(object) {
                Some(Ok(arrived)) => self.put(arrived, now),
                Some(Err((key, why))) => self.refuse(key, why.to_string(), now),
                None => {}
            }
        }
    }
}
