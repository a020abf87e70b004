//! The kernel of a node as a source of the engine.

use super::plan::{Asked, Scope, Vocabulary};
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

    fn is_of_name(field: &Field) -> bool {
        matches!(field.name, "fd.name" | "fd.directory" | "fd.filename")
    }
}

impl Asked<Kernel> for Event<'_> {
    #[inline]
    fn ask(&self, place: &Place, each: &mut dyn FnMut(Value<'_>)) {
        self.at(place, each);
    }

    #[inline]
    fn name(&self) -> Option<&[u8]> {
        let descriptor = self.descriptor.as_ref()?;
        let is_file = descriptor.connection.is_none() && !descriptor.name.is_empty();
        is_file.then_some(descriptor.name)
    }
}

impl Asked<Kernel> for Fields {
    fn ask(&self, place: &Place, each: &mut dyn FnMut(Value<'_>)) {
        self.at(place, each);
    }
}
