//! `seawall policy set` and `seawall policy impact`

use api::policy::{
    ImpactBasis, ImpactQuestion, NewPolicySetting, PolicyAction, PolicyDetail, PolicyImpact,
};

use crate::{
    args::{
        policy_setting::{Action, Impact, Set},
        remote::ShowFormat,
    },
    cmd::{
        Context,
        remote::{
            self, failure,
            output::{Sheet, json, word},
        },
        write_stdout,
    },
    exit::{Exit, Failure},
};

pub(super) fn set(context: &Context, arguments: &Set) -> Result<Exit, Failure> {
    let place = &arguments.place;
    let server = remote::connect(context, &place.remote)?;
    let environment = match &place.environment {
        Some(environment) => environment.clone(),
        None => own(&server.me().map_err(failure(None))?),
    };
    let parameters = [("environment", Some(environment.clone()))];
    let known = server
        .policy(&arguments.policy, &parameters)
        .map_err(failure(None))?;
    let action = match arguments.action {
        Action::Off => Some(PolicyAction::Off),
        Action::Audit => Some(PolicyAction::Audit),
        Action::Warn => Some(PolicyAction::Warn),
        Action::Deny => Some(PolicyAction::Deny),
        Action::Default => None,
    };
    let set = known
        .policy
        .settings
        .iter()
        .find(|set| set.environment == environment && set.cluster == place.cluster)
        .filter(|_| action.is_some());
    let setting = NewPolicySetting {
        environment: Some(environment.clone()),
        cluster: place.cluster.clone(),
        action,
        parameters: set.and_then(|set| set.parameters.clone()),
        scope: set.and_then(|set| set.scope.clone()),
        reason: arguments.reason.clone(),
    };
    let detail = server
        .set_policy(&arguments.policy, &setting)
        .map_err(failure(None))?;
    let holds = holding(&detail, &environment, place.cluster.as_deref());
    let place = place.cluster.as_ref().map_or_else(
        || format!("every cluster of {environment} that has no setting of its own"),
        Clone::clone,
    );
    let id = report::plain(&detail.policy.id);
    write_stdout(format!("{id}: {} in {}\n", word(&holds), report::plain(&place)).as_bytes())?;
    Ok(Exit::Clean)
}

/// The environment the server takes for one's own.
fn own(me: &api::Me) -> String {
    const LOCAL: &str = "local";
    let may = |all: &[api::Permission]| all.contains(&api::Permission::Configure);
    if may(&me.everywhere) {
        return LOCAL.to_owned();
    }
    let mut mine = me.environments.iter().filter(|one| may(&one.permissions));
    match (mine.next(), mine.next()) {
        (Some(one), None) => one.environment.clone(),
        _ => LOCAL.to_owned(),
    }
}

/// What is done in a place: as set there, else around it, else by itself.
fn holding(detail: &PolicyDetail, environment: &str, cluster: Option<&str>) -> PolicyAction {
    let of = |cluster: Option<&str>| {
        let settings = &detail.policy.settings;
        settings
            .iter()
            .find(|set| set.environment == environment && set.cluster.as_deref() == cluster)
            .map(|set| set.action)
    };
    of(cluster)
        .or_else(|| of(None))
        .unwrap_or(detail.policy.by_default)
}

pub(super) fn impact(context: &Context, arguments: &Impact) -> Result<Exit, Failure> {
    let server = remote::connect(context, &arguments.place.remote)?;
    let question = ImpactQuestion {
        environment: arguments.place.environment.clone(),
        cluster: arguments.place.cluster.clone(),
        days: Some(arguments.days),
        setting: None,
    };
    let impact = server
        .policy_impact(&arguments.policy, &question)
        .map_err(failure(None))?;
    if arguments.format == ShowFormat::Json {
        write_stdout(&json(&impact)?)?;
        return Ok(Exit::Clean);
    }
    sheet(&arguments.policy, &impact).print()?;
    Ok(Exit::Clean)
}

/// What is known of requests.
fn requests(impact: &PolicyImpact) -> String {
    if impact.is_watched {
        format!(
            "{} in {} days, of {} objects; {} were refused",
            impact.requests, impact.days, impact.objects, impact.denied
        )
    } else {
        "not known: it is off, or nothing asks before it stores".to_owned()
    }
}

/// What is known of what runs.
fn runs(impact: &PolicyImpact) -> String {
    let part = if impact.is_partial {
        "; not all of it could be judged"
    } else {
        ""
    };
    match impact.basis {
        ImpactBasis::Nothing => "not known: no connector tells what is there".to_owned(),
        ImpactBasis::Findings => format!("{} could not be made again", impact.running),
        ImpactBasis::Trial => format!(
            "{} of {} could not be made again, judged just now{part}",
            impact.running, impact.judged
        ),
    }
}

fn sheet(policy: &str, impact: &PolicyImpact) -> Sheet {
    let mut sheet = Sheet::title(&format!("Denying by {policy}"));
    sheet.line("Requests", &requests(impact));
    if !impact.unwatched.is_empty() {
        sheet.line("Not judged in", &impact.unwatched.join(", "));
    }
    if let Some(set) = impact.set {
        sheet.line("Set so since", &set.to_string());
    }
    sheet
        .line("What runs", &runs(impact))
        .line("Exempted", &impact.exempted.to_string());
    let examples: Vec<String> = impact
        .examples
        .iter()
        .map(|one| {
            let place = [&one.cluster, &one.namespace, &one.workload];
            let place: Vec<&str> = place.into_iter().map(String::as_str).collect();
            format!("{}: {}", place.join(" "), one.summary)
        })
        .collect();
    sheet.text("Among them", &examples.join("\n"));
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_said_so() {
        let unknown = PolicyImpact {
            days: 7,
            ..PolicyImpact::default()
        };
        assert!(requests(&unknown).starts_with("not known: it is off"));
        assert!(runs(&unknown).starts_with("not known: no connector"));
        let judged = PolicyImpact {
            is_watched: true,
            basis: ImpactBasis::Trial,
            judged: 4,
            running: 1,
            ..unknown
        };
        assert_eq!(
            requests(&judged),
            "0 in 7 days, of 0 objects; 0 were refused"
        );
        assert!(runs(&judged).starts_with("1 of 4 could not"));
    }
}
