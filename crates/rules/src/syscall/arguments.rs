//! What a call was asked to do.

use std::fmt;

/// An argument, as text and as the number it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    pub name: &'a str,
    pub text: &'a [u8],
    pub raw: Option<i64>,
}

/// The arguments of a call, in its order. Few rules ask for them: whoever
/// makes an event may write them only then.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(Held<'a>);

#[derive(Clone, Copy)]
enum Held<'a> {
    Here(&'a [Argument<'a>]),
    Later(&'a dyn Later),
}

/// Writes arguments when they are asked for, and keeps them.
pub trait Later {
    fn all(&self) -> &[Argument<'_>];
}

impl<'a> Arguments<'a> {
    pub const fn new(all: &'a [Argument<'a>]) -> Self {
        Self(Held::Here(all))
    }

    pub fn later(later: &'a dyn Later) -> Self {
        Self(Held::Later(later))
    }

    pub fn all(self) -> &'a [Argument<'a>] {
        match self.0 {
            Held::Here(all) => all,
            Held::Later(later) => later.all(),
        }
    }

    /// The first of this name.
    pub fn named(self, name: &str) -> Option<Argument<'a>> {
        self.all().iter().copied().find(|it| it.name == name)
    }
}

impl fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().fmt(f)
    }
}
