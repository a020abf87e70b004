//! A call of a function while an expression runs: what it is given, what
//! it may cost, and how it fails.

use std::fmt;

use regex::Regex;

use super::value::{List, Text, Value};

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error of the language: `a || b` may outlive it.
    Error(String),
    /// It cost more than it may; nothing outlives that.
    Cost,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Error(message.into())
    }

    pub(crate) fn no_overload() -> Self {
        Self::Error("no such overload".to_owned())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(message) => f.write_str(message),
            Self::Cost => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

pub(crate) type Answer<'a> = Result<Value<'a>, Fault>;

/// What may still be spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { left: limit }
    }

    pub(crate) fn spend(&mut self, cost: u64) -> Result<(), Fault> {
        if let Some(left) = self.left.checked_sub(cost) {
            self.left = left;
            Ok(())
        } else {
            self.left = 0;
            Err(Fault::Cost)
        }
    }

    pub(crate) fn left(self) -> u64 {
        self.left
    }
}

/// A call of a function while it runs.
#[derive(Debug)]
pub(crate) struct Call<'c, 'a> {
    pub(crate) args: &'c [Value<'a>],
    /// The pattern, where it was written out and could be compiled
    /// beforehand.
    pub(crate) regex: Option<&'c Regex>,
    pub(crate) budget: &'c mut Budget,
    pub(crate) patterns: &'c mut Patterns,
}

/// Patterns that only turned up while running, compiled once each.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    compiled: std::collections::HashMap<String, Regex>,
}

impl Patterns {
    /// Kept at once; what comes after begins anew.
    const MOST: usize = 64;

    pub(crate) fn get(&mut self, source: &str, budget: &mut Budget) -> Result<Regex, Fault> {
        if let Some(regex) = self.compiled.get(source) {
            return Ok(regex.clone());
        }
        budget.spend(1_000 + source.len() as u64)?;
        let regex = super::library::text::pattern(source)?;
        if self.compiled.len() >= Self::MOST {
            self.compiled.clear();
        }
        self.compiled.insert(source.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl<'a> Call<'_, 'a> {
    pub(crate) fn arg(&self, index: usize) -> Result<&Value<'a>, Fault> {
        self.args.get(index).ok_or_else(Fault::no_overload)
    }

    pub(crate) fn text(&self, index: usize) -> Result<&Text<'a>, Fault> {
        match self.arg(index)? {
            Value::String(text) => Ok(text),
            _ => Err(Fault::no_overload()),
        }
    }

    pub(crate) fn int(&self, index: usize) -> Result<i64, Fault> {
        match self.arg(index)? {
            Value::Int(value) => Ok(*value),
            _ => Err(Fault::no_overload()),
        }
    }

    pub(crate) fn list(&self, index: usize) -> Result<&List<'a>, Fault> {
        match self.arg(index)? {
            Value::List(list) => Ok(list),
            _ => Err(Fault::no_overload()),
        }
    }
}
