//! Conditions as they are written: names of macros and lists still stand
//! for what they mean.

use std::fmt;

/// Bytes of the condition's own text, `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

/// A condition, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    /// A macro, by its name.
    Macro(Name),
    Check(Check),
}

/// A word that stands for a macro or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// `left operator right`: the leaf of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub left: Operand,
    pub operator: Operator,
    /// How many of the right side must hold; `None` is the operator's own
    /// way.
    pub quantifier: Option<Quantifier>,
    pub right: Right,
    pub span: Span,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Field(FieldName),
    /// `tolower(proc.name)`, `concat(a, b)`, `getopt(proc.args, "ab:")[b]`.
    Call {
        transformer: Transformer,
        arguments: Vec<Self>,
        /// What stands between brackets behind the call.
        argument: Option<String>,
        span: Span,
    },
    /// `(a, b)`, inside a call only.
    List(Vec<Self>),
    /// A value, inside a call only.
    Value(Value),
}

/// `proc.aname[2]`, `jevt.value[/verb]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    pub name: String,
    /// What stands between the brackets, as written.
    pub argument: Option<String>,
    pub span: Span,
}

/// What it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Right {
    /// Nothing: `exists`.
    None,
    Value(Value),
    /// `(a, b, list_name)`; whether a bare word names a list is known once
    /// all files are read.
    List(Vec<Value>),
    /// `val(field)` or a transformed field.
    Operand(Operand),
}

/// A word as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Without quotes and escapes.
    pub text: String,
    /// A quoted word never names a list.
    pub is_quoted: bool,
    pub span: Span,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As rule files spell it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// By its spelling.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// How left and right are compared; `==` is read as `=`.
    Operator {
        Exists => "exists",
        Equal => "=",
        NotEqual => "!=",
        Less => "<",
        LessOrEqual => "<=",
        Greater => ">",
        GreaterOrEqual => ">=",
        Contains => "contains",
        ContainsAnyCase => "icontains",
        ContainsBytes => "bcontains",
        StartsWith => "startswith",
        StartsWithBytes => "bstartswith",
        EndsWith => "endswith",
        Glob => "glob",
        GlobAnyCase => "iglob",
        Regex => "regex",
        In => "in",
        Intersects => "intersects",
        /// Path prefixes, on whole components.
        PathMatch => "pmatch",
    }
}

words! {
    /// How many values of the right side must hold.
    Quantifier {
        OneOf => "oneof",
        AnyOf => "anyof",
        AllOf => "allof",
    }
}

words! {
    /// What is done to a value before it is compared.
    Transformer {
        Lower => "tolower",
        Upper => "toupper",
        Base64 => "b64",
        Basename => "basename",
        Length => "len",
        Join => "join",
        Concat => "concat",
        GetOpt => "getopt",
        /// The value itself, on the right side.
        Value => "val",
    }
}
