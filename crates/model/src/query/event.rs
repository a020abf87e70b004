//! Whether one event of an alert may be what a query means.
//!
//! A finding gathers what all its events said; an exemption that asks
//! who did it must not go on hiding the finding when somebody else does
//! it. What an event does not tell is taken as it was.

use super::{Condition, Field, Node, Query};
use crate::AlertContext;

/// Whether it surely holds, and whether it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    must: bool,
    may: bool,
}

impl Query {
    /// Whether it asks who did it, from where or what.
    pub fn asks_of_events(&self) -> bool {
        self.tests()
            .iter()
            .any(|test| test.condition.field().is_some_and(Field::is_of_events))
    }

    /// Whether an event with this context may be meant.
    pub fn may_mean(&self, context: &AlertContext) -> bool {
        self.root
            .as_ref()
            .is_none_or(|root| bounds(root, context).may)
    }
}

impl Field {
    /// Whether each event of an alert may say something else of it.
    pub fn is_of_events(self) -> bool {
        matches!(
            self,
            Self::User
                | Self::Groups
                | Self::ServiceAccount
                | Self::SourceIp
                | Self::Verb
                | Self::Resource
        )
    }
}

fn bounds(node: &Node, context: &AlertContext) -> Bounds {
    match node {
        Node::All(nodes) => fold(nodes, context, true, |one, other| one && other),
        Node::Any(nodes) => fold(nodes, context, false, |one, other| one || other),
        Node::Not(node) => {
            let Bounds { must, may } = bounds(node, context);
            Bounds {
                must: !may,
                may: !must,
            }
        }
        Node::Test(test) => match holds(&test.condition, context) {
            Some(holds) => Bounds {
                must: holds,
                may: holds,
            },
            None => Bounds {
                must: false,
                may: true,
            },
        },
    }
}

fn fold(
    nodes: &[Node],
    context: &AlertContext,
    from: bool,
    join: impl Fn(bool, bool) -> bool,
) -> Bounds {
    let start = Bounds {
        must: from,
        may: from,
    };
    nodes.iter().fold(start, |sum, node| {
        let next = bounds(node, context);
        Bounds {
            must: join(sum.must, next.must),
            may: join(sum.may, next.may),
        }
    })
}

/// `None`: an event does not tell.
fn holds(condition: &Condition, context: &AlertContext) -> Option<bool> {
    let field = condition.field().filter(|field| field.is_of_events())?;
    let terms = context.terms();
    let mut said = terms
        .iter()
        .filter(|(term, _)| Field::from(*term) == field)
        .map(|(_, value)| value);
    match condition {
        Condition::Present(_) => Some(said.next().is_some()),
        Condition::Text(_, patterns) => {
            Some(said.any(|value| patterns.iter().any(|pattern| pattern.matches(value))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, Whence};

    #[test]
    fn what_an_event_tells_decides_and_the_rest_is_taken_as_it_was() {
        let context = AlertContext {
            principal: Some(Principal::of_kubernetes("alice")),
            whence: Whence {
                addresses: vec!["203.0.113.9".to_owned()],
                user_agent: None,
            },
            ..AlertContext::default()
        };
        for (query, may) in [
            ("", true),
            ("rule:x ns:shop user:alice", true),
            ("rule:x user:bob", false),
            ("user:alice source_ip:203.0.113.*", true),
            ("user:alice source_ip:10.*", false),
            ("user:bob OR ns:shop", true),
            ("-user:alice", false),
            ("-user:bob", true),
            ("-(ns:shop user:alice)", true),
            ("-(ns:shop OR user:alice)", false),
            ("sa:*", false),
        ] {
            let query = Query::parse(query).unwrap();
            assert_eq!(query.may_mean(&context), may, "{query}");
        }
        assert!(!Query::parse("rule:x").unwrap().asks_of_events());
        assert!(Query::parse("rule:x -verb:get").unwrap().asks_of_events());
    }
}
