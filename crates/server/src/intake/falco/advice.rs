//! What to say of a rule whose text we do not have: an event names its
//! rule, but not what the rule is for. Its tactics and techniques tell
//! enough for why it matters and what to do next.

use model::RuleStep;

/// Why something with this ATT&CK tactic matters.
const WHY: [(&str, &str); 14] = [
    (
        "reconnaissance",
        "Somebody may be learning what there is to attack.",
    ),
    (
        "resource_development",
        "Somebody may be preparing the means of an attack.",
    ),
    (
        "initial_access",
        "This is how an attacker gets a first foothold.",
    ),
    (
        "execution",
        "Code ran that the workload may not need for its work: what an attacker does with a \
         foothold first.",
    ),
    (
        "persistence",
        "A change like this lets an attacker come back after a restart.",
    ),
    (
        "privilege_escalation",
        "An attacker who succeeds with this may do more than the workload was allowed, up to \
         owning its host.",
    ),
    (
        "defense_evasion",
        "This hides what was done: look for what happened just before.",
    ),
    (
        "credential_access",
        "Secrets that were read here open other doors: take them for stolen until it is clear \
         they are not.",
    ),
    (
        "discovery",
        "Somebody may be looking around for where to go next.",
    ),
    (
        "lateral_movement",
        "Whoever is in one workload may be on the way to others.",
    ),
    (
        "collection",
        "Data may be being gathered before it is taken away.",
    ),
    (
        "command_and_control",
        "The workload may be taking orders from outside.",
    ),
    ("exfiltration", "Data may be leaving."),
    (
        "impact",
        "This costs at once: resources, data or availability.",
    ),
];

/// The last tactic of the matrix says most: it is nearest to the harm.
pub(super) fn why(tactics: &[String]) -> String {
    let told = WHY.iter().rev();
    let mut told = told.filter(|(name, _)| tactics.iter().any(|tactic| tactic == name));
    told.next()
        .map_or_else(String::new, |(_, why)| (*why).to_owned())
}

/// What to do about an alert, whatever its rule.
pub(super) fn steps(title: &str) -> Vec<RuleStep> {
    let steps = [
        "Read the evidence: which program, started by what, as whom, and whether one of your own \
         people or jobs did it."
            .to_owned(),
        "If nobody did, cut the workload off from the network but keep it as it is, take the \
         secrets it can read for stolen, and replace it from its image."
            .to_owned(),
        format!(
            "If it is expected, dismiss it as benign here, and add an exception to Falco's rule \
             \"{title}\" so that it stays quiet."
        ),
    ];
    steps.into_iter().map(RuleStep::said).collect()
}

/// Where ATT&CK describes a technique.
pub(super) fn reference(technique: &str) -> String {
    format!(
        "https://attack.mitre.org/techniques/{}/",
        technique.replace('.', "/")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tactic_nearest_to_the_harm_speaks() {
        let tactics = ["impact".to_owned(), "execution".to_owned()];
        assert!(why(&tactics).starts_with("This costs at once"));
        assert_eq!(why(&["maturity_stable".to_owned()]), "");
    }

    #[test]
    fn a_part_of_a_technique_has_a_page_below_it() {
        assert_eq!(
            reference("T1059.004"),
            "https://attack.mitre.org/techniques/T1059/004/"
        );
    }
}
