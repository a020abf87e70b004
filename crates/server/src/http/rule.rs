//! Detection rules: what is watched for, and where it is switched off.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{
    Page, Rule, RuleDetail,
    finding::Step,
    rule::{NewRuleSwitch, RuleCase, RuleDay, RuleDetailQuery, RuleOrigin, RuleQuery, RuleSwitch},
};
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use model::{RuleStep, Severity, Tactics};
use store::{FindingFilter, FindingSort, PageRequest, RuleUse, Scope};

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT},
    error::ApiError,
    query::{self, Body, Query},
};
use crate::{
    app::App,
    catalogue::{tactics, techniques},
    switches,
};

/// The days matches are counted over when nothing is said, and at most.
const DAYS: u32 = 30;
const MOST_DAYS: u32 = 365;

/// A rule, whoever knows it.
pub(crate) struct Known<'a> {
    pub(crate) id: &'a str,
    pub(crate) ours: Option<&'a rules::rule::Rule>,
    pub(crate) used: Option<&'a RuleUse>,
    pub(crate) tactics: Tactics,
    pub(crate) techniques: Vec<String>,
    pub(crate) source: &'a str,
    /// Environments asked about in which it is off.
    pub(crate) disabled_in: Vec<String>,
}

impl Known<'_> {
    fn severity(&self) -> Severity {
        match (self.ours, self.used) {
            (Some(rule), _) => rule.severity(),
            (None, Some(used)) => used.severity,
            (None, None) => Severity::Unknown,
        }
    }

    fn title(&self) -> &str {
        match (self.ours, self.used) {
            (Some(rule), _) => rule.extension.title.as_deref().unwrap_or(&rule.name),
            (None, Some(used)) => &used.title,
            (None, None) => self.id,
        }
    }

    fn description(&self) -> &str {
        match (self.ours, self.used) {
            (Some(rule), _) => &rule.description,
            (None, Some(used)) => &used.details.description,
            (None, None) => "",
        }
    }

    pub(crate) fn by_default(&self) -> bool {
        self.ours.is_none_or(|rule| rule.is_enabled)
    }

    fn origin(&self, app: &App) -> RuleOrigin {
        match self.ours {
            Some(rule) if app.catalogue.is_ours(rule) => RuleOrigin::BuiltIn,
            Some(_) => RuleOrigin::User,
            None => RuleOrigin::Sensor,
        }
    }

    fn wire(&self, app: &App) -> Rule {
        let extension = self.ours.map(|rule| &rule.extension);
        Rule {
            id: self.id.to_owned(),
            title: self.title().to_owned(),
            source: self.source.to_owned(),
            on_host: self.ours.and_then(|rule| rule.on_host.clone()),
            origin: self.origin(app),
            severity: self.severity().into(),
            maturity: extension.and_then(|known| known.maturity).map(|maturity| {
                match maturity {
                    rules::rule::Maturity::Stable => "stable",
                    rules::rule::Maturity::Incubating => "incubating",
                    rules::rule::Maturity::Experimental => "experimental",
                }
                .to_owned()
            }),
            tactics: self.tactics.names().map(str::to_owned).collect(),
            techniques: self.techniques.clone(),
            matrix: match (extension, self.used) {
                (Some(extension), _) => extension.matrix.clone(),
                (None, Some(used)) => used.details.matrix.clone(),
                (None, None) => Vec::new(),
            },
            enabled: self.disabled_in.is_empty(),
            by_default: self.by_default(),
            disabled_in: self.disabled_in.clone(),
            cases: extension.map_or(0, |known| known.cases.len() as u64),
            open: self.used.map_or(0, |used| used.open),
            hits: self.used.map_or(0, |used| used.hits),
            last_hit: self.used.and_then(|used| used.last_hit),
        }
    }
}

/// Everything known of rules in scope: ours, and those alerts came from.
pub(crate) async fn uses(
    app: &App,
    scope: &Scope,
    days: Option<u32>,
) -> Result<Vec<RuleUse>, ApiError> {
    let since = since(app, days)?;
    Ok(app.store.rule_uses(scope, since).await?)
}

fn since(app: &App, days: Option<u32>) -> Result<Timestamp, ApiError> {
    let days = days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(ApiError::invalid(
            "days",
            format!("expected 1 to {MOST_DAYS}"),
        ));
    }
    Ok(app.clock.now() - SignedDuration::from_hours(i64::from(days) * 24))
}

/// Our rules and those alerts came from, by id.
pub(crate) async fn known<'a>(
    app: &'a App,
    scope: &Scope,
    uses: &'a [RuleUse],
) -> Result<Vec<Known<'a>>, ApiError> {
    known_and(app, scope, uses, "").await
}

/// The same, with the rule of that id even if it is what a rule of ours is
/// called on a host, where it has not matched yet.
async fn known_and<'a>(
    app: &'a App,
    scope: &Scope,
    uses: &'a [RuleUse],
    id: &'a str,
) -> Result<Vec<Known<'a>>, ApiError> {
    let environments = app.store.environment_names(scope).await?;
    let switched = switches::Switched::of(app.store.rule_switches(scope).await?);
    let mut by_name: HashMap<&str, &RuleUse> =
        uses.iter().map(|used| (used.name.as_str(), used)).collect();
    let mut all: Vec<Known<'a>> = Vec::new();
    let mut ids = BTreeSet::new();
    for rule in &app.catalogue.ruleset.rules {
        if !ids.insert(rule.id.as_str()) {
            continue;
        }
        all.push(Known {
            id: &rule.id,
            ours: Some(rule),
            used: by_name.remove(rule.id.as_str()),
            tactics: tactics(rule),
            techniques: techniques(rule),
            source: rule.source.as_str(),
            disabled_in: Vec::new(),
        });
    }
    for used in uses {
        if by_name.remove(used.name.as_str()).is_some() {
            // A rule of ours that happened on a host is one by itself.
            let ours = app.catalogue.rule(&used.name);
            all.push(Known {
                id: &used.name,
                ours,
                used: Some(used),
                tactics: ours.map_or(used.tactics, tactics),
                techniques: ours.map_or_else(|| used.techniques.clone(), techniques),
                source: ours.map_or(used.details.source.as_str(), |rule| rule.source.as_str()),
                disabled_in: Vec::new(),
            });
        }
    }
    let unused = app.catalogue.rule(id);
    if let Some(ours) = unused.filter(|_| all.iter().all(|known| known.id != id)) {
        all.push(Known {
            id,
            ours: Some(ours),
            used: None,
            tactics: tactics(ours),
            techniques: techniques(ours),
            source: ours.source.as_str(),
            disabled_in: Vec::new(),
        });
    }
    for known in &mut all {
        known.disabled_in = environments
            .iter()
            .filter(|name| !switched.is_on_as(name, known.id, known.ours))
            .cloned()
            .collect();
    }
    all.sort_by(|one, other| one.id.cmp(other.id));
    Ok(all)
}

/// Whether one of the techniques is this, or part of it.
pub(crate) fn names(techniques: &[String], technique: &str) -> bool {
    techniques.iter().any(|known| {
        let part = known.strip_prefix(technique);
        part.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Detection rules, worst first.
#[utoipa::path(get, path = "/rules", tag = "rules", params(RuleQuery),
    responses((status = 200, body = Page<Rule>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<RuleQuery>,
) -> Result<Json<Page<Rule>>, ApiError> {
    let request = query::page(None, asked.limit)?;
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let severities: Vec<Severity> = query::words("severity", asked.severity.as_deref())?;
    let wanted = asked.tactic.iter().map(String::as_str);
    let wanted = Tactics::named(wanted);
    if asked.tactic.is_some() && wanted.is_empty() {
        return Err(ApiError::invalid("tactic", "there is no such tactic"));
    }
    let text = query::text(asked.q).map(|text| text.to_lowercase());
    let uses = uses(&app, &scope, asked.days).await?;
    let mut all = known(&app, &scope, &uses).await?;
    all.retain(|known| {
        asked
            .source
            .as_ref()
            .is_none_or(|source| source == known.source)
            && asked
                .origin
                .is_none_or(|origin| origin == known.origin(&app))
            && (severities.is_empty() || severities.contains(&known.severity()))
            && (wanted.is_empty() || known.tactics.bits() & wanted.bits() != 0)
            && asked
                .technique
                .as_ref()
                .is_none_or(|technique| names(&known.techniques, technique))
            && asked
                .enabled
                .is_none_or(|enabled| enabled == known.disabled_in.is_empty())
            && text.as_ref().is_none_or(|text| {
                [known.id, known.title(), known.description()]
                    .iter()
                    .any(|part| part.to_lowercase().contains(text))
            })
    });
    all.sort_by(|one, other| {
        (other.severity(), one.title(), one.id).cmp(&(one.severity(), other.title(), other.id))
    });
    // There are hundreds at most; the cursor is the last rule's id.
    let first = match &asked.cursor {
        None => 0,
        Some(id) => {
            let place = all.iter().position(|known| known.id == id);
            place
                .ok_or_else(|| ApiError::invalid("cursor", "not a cursor of this list and order"))?
                + 1
        }
    };
    let end = all.len().min(first + request.limit as usize);
    let items = all.get(first..end).unwrap_or_default();
    Ok(Json(Page {
        next_cursor: items
            .last()
            .filter(|_| end < all.len())
            .map(|known| known.id.to_owned()),
        total: all.len() as u64,
        total_capped: false,
        items: items.iter().map(|known| known.wire(&app)).collect(),
    }))
}

/// One detection rule: its prose, its condition, its cases, where it is
/// switched off, and how often it matched.
#[utoipa::path(get, path = "/rules/{id}", tag = "rules",
    params(("id" = String, Path, description = "the rule's id"), RuleDetailQuery),
    responses((status = 200, body = RuleDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<RuleDetailQuery>,
) -> Result<Json<RuleDetail>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    Ok(Json(detail(&app, &scope, &id, asked.days).await?))
}

async fn detail(
    app: &App,
    scope: &Scope,
    id: &str,
    days: Option<u32>,
) -> Result<RuleDetail, ApiError> {
    let uses = uses(app, scope, days).await?;
    let all = known_and(app, scope, &uses, id).await?;
    let known = all
        .iter()
        .find(|known| known.id == id)
        .ok_or_else(|| ApiError::not_found("rule"))?;
    let switches = app.store.rule_switches(scope).await?;
    let hits = app.store.rule_hits(scope, id, since(app, days)?).await?;
    let mut exempted = FindingFilter {
        kinds: vec![model::FindingKind::Alert],
        rule: Some(id.to_owned()),
        states: vec![model::FindingState::Exempted],
        ..FindingFilter::default()
    };
    exempted.suppressed = store::Suppressed::Either;
    let request = PageRequest::first(1);
    let page = app
        .store
        .findings(scope, &exempted, FindingSort::Newest, &request)
        .await?;
    Ok(RuleDetail {
        exempted: page.total,
        switches: switches
            .into_iter()
            .filter(|switch| switch.rule == id)
            .map(|switch| RuleSwitch {
                environment: switch.environment,
                enabled: switch.is_enabled,
                note: switch.note,
                changed: switch.changed,
                changed_by: switch.changed_by,
            })
            .collect(),
        days: hits
            .into_iter()
            .filter_map(|(day, hits)| {
                Some(RuleDay {
                    day: date(day)?,
                    hits,
                })
            })
            .collect(),
        ..told(known, known.wire(app))
    })
}

/// What is said of a rule; what happened to it is not filled in.
fn told(known: &Known<'_>, rule: Rule) -> RuleDetail {
    let mut detail = RuleDetail {
        rule,
        description: known.description().to_owned(),
        why: String::new(),
        steps: Vec::new(),
        false_positives: String::new(),
        references: Vec::new(),
        condition: String::new(),
        output: String::new(),
        tags: Vec::new(),
        file: String::new(),
        cases: Vec::new(),
        switches: Vec::new(),
        exempted: 0,
        days: Vec::new(),
    };
    if let Some(rule) = known.ours {
        let extension = &rule.extension;
        detail.why = extension.why.clone().unwrap_or_default();
        detail.steps = steps(&RuleStep::of_text(
            extension.fix.as_deref().unwrap_or_default(),
        ));
        detail.false_positives = extension.false_positives.clone().unwrap_or_default();
        detail.references.clone_from(&extension.references);
        detail.condition.clone_from(&rule.written);
        detail.output.clone_from(&rule.output);
        detail.tags.clone_from(&rule.tags);
        detail.file.clone_from(&rule.origin);
        detail.cases = extension.cases.iter().map(case).collect();
    } else if let Some(used) = known.used {
        let details = &used.details;
        detail.why.clone_from(&details.why);
        detail.steps = steps(&details.remediation);
        detail.false_positives.clone_from(&details.false_positives);
        detail.references.clone_from(&details.references);
        detail.condition.clone_from(&details.condition);
    }
    detail
}

fn case(case: &rules::rule::Case) -> RuleCase {
    let events = case.events.iter();
    RuleCase {
        name: case.name.clone(),
        matches: case.expects_match,
        events: events
            .map(|event| {
                serde_json::from_str(event)
                    .unwrap_or_else(|_not_json| serde_json::Value::String(event.clone()))
            })
            .collect(),
    }
}

fn steps(steps: &[RuleStep]) -> Vec<Step> {
    steps
        .iter()
        .map(|step| Step {
            text: step.text.clone(),
            code: step.code.clone(),
            language: step.language.clone(),
        })
        .collect()
}

/// A day by its number since 1970.
fn date(day: i64) -> Option<Date> {
    let time = Timestamp::from_second(day.checked_mul(86_400)?).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// Switches a rule on or off in one environment. What is judged from now
/// on heeds it; alerts there are stay.
#[utoipa::path(put, path = "/rules/{id}/switch", tag = "rules",
    params(("id" = String, Path, description = "the rule's id")),
    request_body = NewRuleSwitch, responses((status = 200, body = RuleDetail)))]
pub(crate) async fn switch(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<NewRuleSwitch>,
) -> Result<Json<RuleDetail>, ApiError> {
    access.require_in(&asked.environment)?;
    let scope = access.scope(&app, Some(&asked.environment)).await?;
    let note = match asked.note.trim() {
        "" => String::new(),
        note => action::text("note", note, MAX_TEXT)?,
    };
    let uses = uses(&app, &scope, None).await?;
    let by_default = {
        let all = known_and(&app, &scope, &uses, &id).await?;
        let rule = all.iter().find(|known| known.id == id);
        let rule = rule.ok_or_else(|| ApiError::not_found("rule"))?;
        app.switches
            .now()
            .unless_switched(&asked.environment, &id, rule.ours)
    };
    let wanted = (asked.enabled, by_default);
    let author = access.author(&app);
    app.store
        .switch_rule(author, &asked.environment, &id, wanted, &note)
        .await?;
    switches::refresh(&app).await?;
    Ok(Json(detail(&app, &scope, &id, None).await?))
}

/// Rules by technique, for the coverage of the matrix.
pub(crate) fn by_source(watching: &[&Known<'_>]) -> BTreeMap<String, u64> {
    let mut sources = BTreeMap::new();
    for known in watching {
        *sources.entry(known.source.to_owned()).or_default() += 1;
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_technique_counts_as_it_and_not_the_other_way() {
        let techniques = ["T1059.004".to_owned()];
        assert!(names(&techniques, "T1059"));
        assert!(names(&techniques, "T1059.004"));
        assert!(!names(&techniques, "T105"));
        assert!(!names(&["T1059".to_owned()], "T1059.004"));
    }

    #[test]
    fn a_day_is_a_date() {
        assert_eq!(date(20_000), Some(Date::constant(2024, 10, 4)));
        assert_eq!(date(i64::MAX), None);
    }
}
