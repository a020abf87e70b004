//! The audit log as a source of the engine.

use super::plan::{Asked, Scope, Vocabulary};
use crate::{
    audit::{Event, Extractor},
    field::Field,
    value::Value,
};

#[derive(Debug)]
pub(crate) struct AuditLog;

impl Vocabulary for AuditLog {
    type Place = Extractor;

    fn place(field: &Field, argument: Option<&str>) -> Extractor {
        Extractor::new(field.name, argument)
    }

    /// Few verbs, resources and answers make all the sorts of requests
    /// there are.
    fn scope(field: &Field, argument: Option<&str>) -> Scope {
        let is_of_sort = match field.name {
            "ka.stage"
            | "ka.level"
            | "ka.verb"
            | "ka.target.resource"
            | "ka.target.subresource"
            | "ka.target.apigroup"
            | "ka.auth.decision"
            | "ka.response.code"
            | "evt.source"
            | "evt.num"
            | "evt.pluginname"
            | "evt.is_async" => true,
            "jevt.value" | "json.value" => {
                matches!(
                    argument,
                    Some("/stage" | "/level" | "/verb" | "/objectRef/resource")
                )
            }
            _ => false,
        };
        if is_of_sort {
            Scope::Sort
        } else {
            Scope::Event
        }
    }
}

impl Asked<AuditLog> for Event<'_> {
    fn ask(&self, place: &Extractor, each: &mut dyn FnMut(Value<'_>)) {
        self.extract(place, each);
    }
}
