//! What a language a template may be written in must be able to do.
//!
//! A template is compiled once, when policies are loaded, and then shared
//! by every thread that judges.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt::Debug;

use serde_json::Value;

use crate::gatekeeper::{Constraint, shape};
use crate::rego::{Part, Reads, RegoTemplate};
use crate::review::Review;
use crate::world::World;

/// A compiled template.
pub(crate) trait TemplateEngine: Debug + Send + Sync {
    /// What the template has to say of `ask`, or why it cannot be said.
    fn judge(&self, ask: &Ask<'_>) -> Result<Vec<Said>, String>;

    /// What it looks at, where that is known. Verdicts are remembered for
    /// templates that look at the object alone.
    fn reads(&self) -> Option<&Reads>;

    /// The template, where it is in Rego.
    fn rego(&self) -> Option<&RegoTemplate> {
        None
    }

    /// Lets go what only compiling it with others needs.
    fn is_compiled(&mut self) {}
}

/// One constraint, asked about one object it matches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) review: &'a Review<'a>,
    pub(crate) constraint: &'a Constraint,
    pub(crate) world: &'a World,
    /// What every constraint needs of the same object, made once.
    pub(crate) shared: &'a Shared,
}

/// What is made of one object once, however many constraints ask.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    rego: OnceCell<regorus::Value>,
    is_large: OnceCell<bool>,
    digests: RefCell<HashMap<Part, u128>>,
}

impl Shared {
    /// `input.review`.
    pub(crate) fn rego(&self, review: &Review<'_>, world: &World) -> regorus::Value {
        self.rego
            .get_or_init(|| shape::review(review, world))
            .clone()
    }

    /// Whether the objects are so large that nobody should hold on to
    /// them.
    pub(crate) fn is_large(&self, review: &Review<'_>) -> bool {
        *self.is_large.get_or_init(|| {
            let objects = [review.object, review.old_object];
            let mut left = LARGE;
            objects
                .into_iter()
                .flatten()
                .any(|object| outweighs(object, &mut left))
        })
    }

    /// The digest of one part of the review.
    pub(crate) fn digest(&self, part: &Part, make: impl FnOnce() -> u128) -> u128 {
        if let Some(digest) = self.digests.borrow().get(part) {
            return *digest;
        }
        let digest = make();
        self.digests.borrow_mut().insert(part.clone(), digest);
        digest
    }
}

/// Values and kilobytes of text in an object that is large.
const LARGE: usize = 20_000;

/// Takes what is in `value` from `left`; true once there is none left.
fn outweighs(value: &Value, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => 1 + text.len() / 1024,
        _ => 1,
    };
    *left = left.saturating_sub(own);
    *left == 0
        || match value {
            Value::Array(items) => items.iter().any(|item| outweighs(item, left)),
            Value::Object(fields) => fields.values().any(|field| outweighs(field, left)),
            _ => false,
        }
}

/// One violation, in the policy's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) message: String,
    pub(crate) details: Value,
}
