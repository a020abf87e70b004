//! The kernel of a node as a source of the engine.

use super::plan::{Asked, Name, OfName, Scope, Vocabulary};
use crate::{
    field::Field,
    syscall::{Event, Fields, Place, scope_of},
    value::Value,
};

#[derive(Debug)]
pub(crate) struct Kernel;

impl Vocabulary for Kernel {
    type Place = Place;

    fn place(field: &Field, argument: Option<&str>) -> Place {
        Place::new(field, argument)
    }

    fn scope(field: &Field, _: Option<&str>) -> Scope {
        scope_of(field.name)
    }

    fn of_name(field: &Field) -> Option<OfName> {
        match field.name {
            "fd.name" | "fd.directory" | "fd.filename" => Some(OfName::Whole),
            "fd.nameraw" => Some(OfName::Raw),
            _ => None,
        }
    }
}

impl Asked<Kernel> for Event<'_> {
    #[inline]
    fn ask(&self, place: &Place, each: &mut dyn FnMut(Value<'_>)) {
        self.at(place, each);
    }

    #[inline]
    fn name(&self) -> Option<Name<'_>> {
        let descriptor = self.descriptor.as_ref()?;
        let is_file = descriptor.connection.is_none() && !descriptor.name.is_empty();
        is_file.then_some(Name {
            whole: descriptor.name,
            is_raw: descriptor.name == descriptor.raw_name,
        })
    }
}

impl Asked<Kernel> for Fields {
    fn ask(&self, place: &Place, each: &mut dyn FnMut(Value<'_>)) {
        self.at(place, each);
    }
}
