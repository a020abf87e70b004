//! An alert's context, as the wire has it.

use api::alert::{
    AlertAction, AlertBrief, AlertChange, AlertContext, AlertDetail, KillChainStage, Principal,
    PrincipalKind,
};
use model::attack::{TACTICS, Tactics};
use store::{FindingDetail, IncidentKey, SaidBy};

use super::incident;

pub(crate) fn principal(principal: &model::Principal) -> Principal {
    Principal {
        label: principal.shown(),
        kind: match principal.kind {
            model::PrincipalKind::User => PrincipalKind::User,
            model::PrincipalKind::ServiceAccount => PrincipalKind::ServiceAccount,
            model::PrincipalKind::Node => PrincipalKind::Node,
            model::PrincipalKind::Component => PrincipalKind::Component,
            model::PrincipalKind::Anonymous => PrincipalKind::Anonymous,
            model::PrincipalKind::Local => PrincipalKind::Local,
        },
        name: principal.name.clone(),
        uid: principal.uid.clone(),
        groups: principal.groups.clone(),
        system: principal.is_system(),
    }
}

pub(crate) fn brief(context: &model::AlertContext) -> AlertBrief {
    let action = context.action.as_ref();
    AlertBrief {
        principal: context.principal.as_ref().map(principal),
        address: context.whence.addresses.first().cloned(),
        verb: action.map(|action| action.verb.clone()),
        object: action.map(model::AlertAction::object),
    }
}

fn wire(context: model::AlertContext) -> AlertContext {
    let acting_as = context
        .principal
        .as_ref()
        .and_then(|known| known.acting_as.as_deref().map(principal));
    AlertContext {
        principal: context.principal.as_ref().map(principal),
        acting_as,
        addresses: context.whence.addresses,
        user_agent: context.whence.user_agent,
        action: context.action.map(|action| AlertAction {
            object: action.object(),
            verb: action.verb,
            resource: action.resource,
            subresource: action.subresource,
            group: action.group,
            namespace: action.namespace,
            name: action.name,
            path: action.path,
            code: action.code,
            decision: action.decision,
        }),
        change: context.change.map(|change| AlertChange {
            old: change.old,
            new: change.new,
            patch: change.patch,
        }),
    }
}

/// The first tactic in the order an attack goes.
pub(crate) fn stage(tactics: Tactics) -> Option<KillChainStage> {
    let tactic = tactics.names().next()?;
    let place = TACTICS.iter().position(|known| *known == tactic)?;
    Some(KillChainStage {
        tactic: tactic.to_owned(),
        number: u8::try_from(place + 1).unwrap_or(u8::MAX),
        of: u8::try_from(TACTICS.len()).unwrap_or(u8::MAX),
    })
}

/// What else is known of an alert; nothing of other findings.
pub(crate) fn detail(known: &FindingDetail, incidents: Vec<IncidentKey>) -> Option<AlertDetail> {
    if known.finding.kind != model::FindingKind::Alert {
        return None;
    }
    let (matrix, false_positives) = match &known.said_by {
        SaidBy::Rule(rule) => (rule.matrix.clone(), rule.false_positives.clone()),
        SaidBy::Vulnerability(_) => (Vec::new(), String::new()),
    };
    Some(AlertDetail {
        context: known
            .finding
            .context
            .as_deref()
            .cloned()
            .map(wire)
            .unwrap_or_default(),
        stage: stage(known.finding.tactics),
        matrix,
        false_positives,
        events: known.events,
        image: known.runs.clone(),
        trace: known.trace.clone().map(Into::into),
        incidents: incidents.into_iter().map(incident::reference).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_the_first_tactic_of_an_attack() {
        let stage = stage(Tactics::named(["impact", "execution"])).unwrap();
        assert_eq!(
            (stage.tactic.as_str(), stage.number, stage.of),
            ("execution", 4, 14)
        );
        assert_eq!(super::stage(Tactics::default()), None);
    }
}
