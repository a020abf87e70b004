//! What an expression is once its names are resolved: what is run.

use std::sync::Arc;

use regex::Regex;

use super::Root;
use super::library::Function;

#[derive(Debug)]
pub(crate) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoldKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
    TransformList,
    TransformMap,
    TransformMapEntry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LazyKind {
    Or,
    OrValue,
    OptMap,
    OptFlatMap,
}

#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) kind: FoldKind,
    pub(crate) range: Node,
    /// Whether it has a variable for the index or key beside the value's.
    pub(crate) two: bool,
    /// Where its first variable is.
    pub(crate) slot: usize,
    pub(crate) filter: Option<Node>,
    pub(crate) body: Node,
}

#[derive(Debug)]
pub(crate) enum Node {
    Constant(Constant),
    TypeName(&'static str),
    Root(Root),
    Variable(usize),
    Local(usize),
    Field {
        of: Box<Self>,
        name: Arc<str>,
        optional: bool,
    },
    Has {
        of: Box<Self>,
        name: Arc<str>,
    },
    Index {
        of: Box<Self>,
        at: Box<Self>,
        optional: bool,
    },
    All(Vec<Self>),
    Any(Vec<Self>),
    Conditional(Box<[Self; 3]>),
    List(Vec<(Self, bool)>),
    Map(Vec<(Self, Self, bool)>),
    Call {
        function: &'static Function,
        args: Vec<Self>,
        regex: Option<Regex>,
    },
    Lazy {
        kind: LazyKind,
        args: Box<[Self; 2]>,
    },
    Bind {
        value: Box<Self>,
        body: Box<Self>,
    },
    Fold(Box<Fold>),
}

impl Node {
    /// Whether anything in it asks for `root`.
    pub(crate) fn reads(&self, root: Root) -> bool {
        match self {
            Self::Constant(_) | Self::TypeName(_) | Self::Variable(_) | Self::Local(_) => false,
            Self::Root(found) => *found == root,
            Self::Field { of, .. } | Self::Has { of, .. } => of.reads(root),
            Self::Index { of, at, .. } => of.reads(root) || at.reads(root),
            Self::All(nodes) | Self::Any(nodes) | Self::Call { args: nodes, .. } => {
                nodes.iter().any(|node| node.reads(root))
            }
            Self::Conditional(nodes) => nodes.iter().any(|node| node.reads(root)),
            Self::Lazy { args, .. } => args.iter().any(|node| node.reads(root)),
            Self::List(items) => items.iter().any(|(item, _)| item.reads(root)),
            Self::Map(entries) => entries
                .iter()
                .any(|(key, value, _)| key.reads(root) || value.reads(root)),
            Self::Bind { value, body } => value.reads(root) || body.reads(root),
            Self::Fold(fold) => {
                fold.range.reads(root)
                    || fold
                        .filter
                        .as_ref()
                        .is_some_and(|filter| filter.reads(root))
                    || fold.body.reads(root)
            }
        }
    }
}
