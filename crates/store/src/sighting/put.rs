//! From what was seen to what the record says.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use model::NoticeEvent;

use super::{
    BatchOutcome,
    said::{self, Before, Known, Sighting, Update},
};
use crate::{
    Counts, StoreError,
    action::Gathered,
    counts::severity_of,
    db::Connection,
    exemption,
    history::{self, FindingEventKind, NewEvent},
    rollup::{Deltas, Weight},
    trend::Activity,
};

/// One look.
pub(crate) struct Look<'a> {
    pub environment: i64,
    pub now: Timestamp,
    /// What the look saw all of; absent: there may be more.
    pub whole: Option<Whole<'a>>,
    /// By asset: why something else is seen, where it is not because
    /// somebody looked.
    pub because: Option<&'a HashMap<i64, String>>,
}

/// Everything of one kind of finding in some assets.
pub(crate) struct Whole<'a> {
    /// Assets, and when each was seen before this look.
    pub assets: HashMap<i64, i64>,
    pub kind: i64,
    pub within: Within,
    /// Whether a finding may be missing only because the look was
    /// hindered there.
    pub may_be_hidden: &'a (dyn Fn(&Known) -> bool + Send + Sync),
}

/// Of what kind of finding a look saw all.
#[derive(Clone, Debug)]
pub(crate) enum Within {
    /// Of the kind's.
    Kind,
    /// Of what these rules say.
    Rules(Vec<i64>),
    /// Of what these rules say in these assets, of packages each of them
    /// was looked at for.
    Pairs(Vec<(i64, i64)>, LookedAt),
}

/// Which packages assets were looked at for, by kind and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookedAt {
    names: HashMap<(String, String), usize>,
    of_assets: HashSet<(i64, usize)>,
}

impl LookedAt {
    /// The number of a kind and name.
    pub(crate) fn name(&mut self, kind: String, name: String) -> usize {
        let next = self.names.len();
        *self.names.entry((kind, name)).or_insert(next)
    }

    pub(crate) fn note(&mut self, asset: i64, name: usize) {
        self.of_assets.insert((asset, name));
    }

    fn has(&self, known: &Known) -> bool {
        let package = known.package.as_ref();
        let name = package.and_then(|package| self.names.get(package));
        name.is_some_and(|name| self.of_assets.contains(&(known.said.asset, *name)))
    }
}

/// What a look changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Open and unsuppressed, and not so before.
    pub new: Counts,
    /// Unsuppressed, seen before and no more.
    pub resolved: u64,
    /// Seen before and seen again.
    pub again: u64,
    /// Findings that came or opened again.
    pub opened: Vec<i64>,
    /// Whom other systems are told of, by what happened.
    pub told: BTreeMap<NoticeEvent, Vec<i64>>,
    /// By kind.
    pub activity: BTreeMap<i64, Activity>,
    pub deltas: Deltas,
    /// By asset: new and resolved, for those where anything somebody
    /// wants to hear of changed.
    pub by_asset: BTreeMap<i64, (Counts, u64)>,
}

impl Changes {
    fn count_new(&mut self, weight: &Weight) {
        let severity = severity_of(weight.severity);
        *self.new.of(severity) += 1;
        let (new, _) = self.by_asset.entry(weight.asset).or_default();
        *new.of(severity) += 1;
        let activity = self.activity.entry(weight.kind).or_default();
        *activity.new.of(severity) += 1;
    }

    fn tell(&mut self, event: NoticeEvent, finding: i64) {
        self.told.entry(event).or_default().push(finding);
    }

    /// Lets exemptions take what came, keeps the roll-ups and tells
    /// other systems. Before the next look is put: the roll-ups compare
    /// with what is written.
    pub(crate) async fn finish(
        self,
        connection: &mut Connection,
        environment: i64,
        now: Timestamp,
    ) -> Result<BatchOutcome, StoreError> {
        let mut gathered = Gathered {
            deltas: self.deltas,
            ..Gathered::default()
        };
        exemption::hold(connection, environment, &self.opened, now, &mut gathered).await?;
        let mut outcome = BatchOutcome {
            new: self.new,
            resolved: self.resolved,
            again: self.again,
        };
        let mut held = BTreeSet::new();
        for (finding, severity) in &gathered.held {
            held.insert(*finding);
            let new = outcome.new.of(severity_of(*severity));
            *new = new.saturating_sub(1);
        }
        for (event, findings) in self.told {
            gathered
                .told
                .entry((environment, event))
                .or_default()
                .extend(
                    findings
                        .into_iter()
                        .filter(|finding| !held.contains(finding)),
                );
        }
        for (kind, activity) in self.activity {
            let sum = gathered.activity.entry((environment, kind)).or_default();
            sum.new += activity.new;
            sum.resolved += activity.resolved;
        }
        gathered.finish(connection, None, None, now).await?;
        Ok(outcome)
    }
}

/// Whether a finding changed in a way somebody wants to hear of: how bad
/// it is, or that it can be mended now.
fn says_something_new(before: &Weight, now: &Weight) -> bool {
    before.severity != now.severity || (before.fixable == 0 && now.fixable == 1)
}

/// Brings the record up to date with a look. The caller finishes the
/// changes once there are no more.
pub(crate) async fn put(
    connection: &mut Connection,
    look: &Look<'_>,
    sightings: Vec<Sighting>,
) -> Result<Changes, StoreError> {
    let now = look.now.as_microsecond();
    let is_whole = look.whole.is_some();
    let sightings = merged(sightings);
    let mut before = Vec::new();
    if let Some(whole) = &look.whole {
        let assets: Vec<i64> = whole.assets.keys().copied().collect();
        match &whole.within {
            Within::Kind => {
                said::load_whole(connection, &assets, whole.kind, None, &mut before).await?;
            }
            Within::Rules(rules) => {
                let rules = Some(rules.as_slice());
                said::load_whole(connection, &assets, whole.kind, rules, &mut before).await?;
            }
            Within::Pairs(pairs, looked_at) => {
                said::load_pairs(connection, pairs, whole.kind, &mut before).await?;
                before.retain(|known| looked_at.has(known));
            }
        }
    } else {
        let keys: Vec<_> = sightings.iter().map(|one| one.said.key()).collect();
        said::load(connection, &keys, &mut before).await?;
    }

    let mut changes = Changes::default();
    let mut events = Vec::new();
    let mut before = Before::new(before);
    let mut again: Vec<(usize, Sighting)> = Vec::new();
    let mut unknown = Vec::new();
    for sighting in sightings {
        match before.take(sighting.said.key()) {
            Some(place) => again.push((place, sighting)),
            None => unknown.push(sighting),
        }
    }
    let moved = moved(&before, &unknown);
    let mut fresh = Vec::new();
    for (sighting, place) in unknown.into_iter().zip(moved) {
        match place.filter(|place| before.take_at(*place)) {
            Some(place) => again.push((place, sighting)),
            None => fresh.push(sighting),
        }
    }
    let again: Vec<(&Known, Sighting)> = again
        .into_iter()
        .map(|(place, sighting)| (before.at(place), sighting))
        .collect();

    let mut updates = Vec::new();
    let mut bumps = Vec::new();
    for (known, sighting) in &again {
        changes.again += 1;
        let state = state_again(known);
        if state == known.state && known.said == sighting.said {
            match sighting.seen {
                Some(seen) => bumps.push((known.id, seen)),
                None if !is_whole => bumps.push((
                    known.id,
                    said::Seen {
                        first: now,
                        last: now,
                        occurrences: 0,
                    },
                )),
                None => {}
            }
            continue;
        }
        let was = known.weight(look.environment);
        let is = sighting
            .said
            .weight(look.environment, state, known.exemption);
        changes.deltas.change(Some(&was), Some(&is));
        if is.is_open() && !was.is_open() {
            changes.count_new(&is);
            changes.tell(NoticeEvent::FindingReopened, known.id);
        } else if is.is_open() && says_something_new(&was, &is) {
            changes.tell(NoticeEvent::FindingChanged, known.id);
            changes.by_asset.entry(is.asset).or_default();
        }
        let because = look.because.and_then(|because| because.get(&is.asset));
        let with_reason = |text: String| match because {
            Some(because) => format!("{text}, because {because}"),
            None => text,
        };
        let event = |what, text: String| NewEvent {
            finding: known.id,
            time: look.now,
            actor: None,
            what,
            text,
        };
        if known.state == 1 && state == 0 {
            changes.opened.push(known.id);
            let text = with_reason("seen again".to_owned());
            events.push(event(FindingEventKind::Reopened, text));
        }
        if was.severity != is.severity {
            let text = format!(
                "{} became {}",
                severity_of(was.severity),
                severity_of(is.severity)
            );
            let text = with_reason(text);
            events.push(event(FindingEventKind::SeverityChanged, text));
        }
        updates.push(Update {
            id: known.id,
            state,
            said: &sighting.said,
            seen: sighting.seen,
            is_about_fix: is_whole
                && sighting.seen.is_none()
                && state == known.state
                && state != 1
                && known.said.differs_in_fix_alone(&sighting.said),
        });
    }
    said::update(connection, now, is_whole, &updates).await?;
    said::bump(connection, &bumps).await?;

    let causes = causes(connection, look, &fresh).await?;
    let ids =
        said::insert_new(connection, look.environment, now, is_whole, &fresh, &causes).await?;
    changes.opened.extend(&ids);
    for (id, sighting) in ids.iter().zip(&fresh) {
        let weight = sighting.said.weight(look.environment, 0, None);
        changes.deltas.change(None, Some(&weight));
        if weight.is_open() {
            changes.count_new(&weight);
            changes.tell(NoticeEvent::FindingOpened, *id);
        }
    }
    let evidence: Vec<(i64, &str)> = ids
        .iter()
        .copied()
        .zip(&fresh)
        .chain(again.iter().map(|(known, sighting)| (known.id, sighting)))
        .filter_map(|(id, sighting)| Some((id, sighting.evidence.as_deref()?)))
        .collect();
    said::put_evidence(connection, &evidence).await?;

    if let Some(whole) = &look.whole {
        let gone: Vec<&Known> = before
            .left()
            .map(|(_, known)| known)
            .filter(|known| known.state != 1 && !(whole.may_be_hidden)(known))
            .collect();
        for known in &gone {
            let was = known.weight(look.environment);
            let is = known.said.weight(look.environment, 1, known.exemption);
            changes.deltas.change(Some(&was), Some(&is));
            if was.suppressed == 0 {
                changes.resolved += 1;
                changes.by_asset.entry(was.asset).or_default().1 += 1;
                changes.activity.entry(was.kind).or_default().resolved += 1;
                changes.tell(NoticeEvent::FindingResolved, known.id);
            }
            events.push(NewEvent {
                finding: known.id,
                time: look.now,
                actor: None,
                what: FindingEventKind::Resolved,
                text: match look.because.and_then(|because| because.get(&was.asset)) {
                    Some(because) => format!("no longer affected, because {because}"),
                    None => "no longer seen".to_owned(),
                },
            });
        }
        let rows: Vec<(i64, i64)> = gone
            .iter()
            .map(|known| {
                let seen = whole.assets.get(&known.said.asset).copied().unwrap_or(now);
                (known.id, seen)
            })
            .collect();
        said::resolve(connection, now, &rows).await?;
    }
    history::append(connection, &events).await?;
    Ok(changes)
}

/// Notes why findings open that nobody looked for; by asset.
async fn causes(
    connection: &mut Connection,
    look: &Look<'_>,
    fresh: &[Sighting],
) -> Result<HashMap<i64, i64>, StoreError> {
    let Some(because) = look.because else {
        return Ok(HashMap::new());
    };
    let mut by_text: HashMap<&str, i64> = HashMap::new();
    let mut causes = HashMap::new();
    for sighting in fresh {
        let asset = sighting.said.asset;
        let Some(text) = because.get(&asset).filter(|_| !causes.contains_key(&asset)) else {
            continue;
        };
        let cause = match by_text.get(text.as_str()) {
            Some(cause) => *cause,
            None => history::put_cause(connection, look.now, text).await?,
        };
        by_text.insert(text, cause);
        causes.insert(asset, cause);
    }
    Ok(causes)
}

/// The state of a finding that is seen again. Coming back undoes no
/// decision.
fn state_again(known: &Known) -> i64 {
    match (known.state, known.is_decided, known.exemption) {
        (1, true, Some(_)) => 3,
        (1, true, None) => 2,
        (1, false, _) => 0,
        (state, ..) => state,
    }
}

/// Several sightings of one finding are one, seen as often.
fn merged(mut sightings: Vec<Sighting>) -> Vec<Sighting> {
    let mut order: Vec<usize> = (0..sightings.len()).collect();
    order.sort_by(|one, other| {
        let key = |place: &usize| sightings[*place].said.key();
        key(one).cmp(&key(other))
    });
    let mut doubles = BTreeSet::new();
    let mut first: Option<usize> = None;
    for place in order {
        let key = |place: usize| sightings[place].said.key();
        let Some(first) = first.filter(|first| key(*first) == key(place)) else {
            first = Some(place);
            continue;
        };
        doubles.insert(place);
        let double = &mut sightings[place];
        let (seen, evidence) = (double.seen, double.evidence.take());
        let kept = &mut sightings[first];
        if let (Some(all), Some(more)) = (&mut kept.seen, seen) {
            all.first = all.first.min(more.first);
            all.last = all.last.max(more.last);
            all.occurrences += more.occurrences;
            kept.evidence = evidence.or(kept.evidence.take());
        }
    }
    let mut place = 0..;
    sightings.retain(|_| !place.next().is_some_and(|place| doubles.contains(&place)));
    sightings
}

/// What names a finding when an image's digest is left out.
type Place<'a> = (i64, i64, &'a (String, String), Option<&'a str>);

fn place_of<'a>(said: &'a said::Said, package: Option<&'a (String, String)>) -> Option<Place<'a>> {
    Some((said.asset, said.rule, package?, said.path.as_deref()))
}

/// A rebuilt or renamed image's findings have new fingerprints. Those
/// still in the same place are the same findings, and keep their
/// history: where each of these is known from, if it is.
fn moved(before: &Before, unknown: &[Sighting]) -> Vec<Option<usize>> {
    let mut places: HashMap<Place<'_>, usize> = HashMap::new();
    if !unknown.is_empty() {
        places.extend(before.left().filter_map(|(place, known)| {
            let at = place_of(&known.said, known.package.as_ref())?;
            (known.state != 1).then_some((at, place))
        }));
    }
    unknown
        .iter()
        .map(|one| places.remove(&place_of(&one.said, one.package.as_ref())?))
        .collect()
}
