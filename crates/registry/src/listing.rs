//! Lists that come page by page.

use std::marker::PhantomData;

use crate::AskError;

/// Names, fetched as they are asked for. After an error it ends: what was
/// given before is true, and what would follow is not known.
#[derive(Debug)]
pub struct Listing<'a> {
    _registry: PhantomData<&'a ()>,
}

impl Iterator for Listing<'_> {
    type Item = Result<String, AskError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
