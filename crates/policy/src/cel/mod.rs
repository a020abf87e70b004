//! Policies in CEL: templates of the engine `K8sNativeValidation`, and
//! Kubernetes' own `ValidatingAdmissionPolicy`.
//!
//! The `cel` crate parses; what is parsed runs on an evaluator of our
//! own. It reads objects where they lie instead of converting them, pays
//! for every step, and knows the functions Kubernetes adds. An expression
//! is not typed before it runs: what Kubernetes refuses when a policy is
//! written may be found here only when it is evaluated.

mod admission;
mod call;
mod compile;
mod eval;
mod library;
mod matching;
mod native;
mod node;
mod resource;
mod validation;
mod value;

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;

pub(crate) use admission::Native;
pub(crate) use native::template;

/// What one expression may cost; a hundred milliseconds or so.
pub(crate) const CALL_LIMIT: u64 = 1_000_000;
/// What a policy's expressions may cost together.
pub(crate) const POLICY_LIMIT: u64 = 10_000_000;
/// What a policy's match conditions may cost together.
pub(crate) const MATCH_LIMIT: u64 = 2_500_000;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompileError(pub(crate) String);

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an expression may name besides what it defines itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Object,
    OldObject,
    Request,
    Params,
    NamespaceObject,
    Authorizer,
}

impl Root {
    pub(crate) const COUNT: usize = 6;

    const ALL: [Self; Self::COUNT] = [
        Self::Object,
        Self::OldObject,
        Self::Request,
        Self::Params,
        Self::NamespaceObject,
        Self::Authorizer,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::OldObject => "oldObject",
            Self::Request => "request",
            Self::Params => "params",
            Self::NamespaceObject => "namespaceObject",
            Self::Authorizer => "authorizer",
        }
    }
}

/// Which names an expression is compiled with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Whether `params` is one of them.
    pub(crate) params: bool,
    /// The variables defined before it; absent where there are none to
    /// be had.
    pub(crate) variables: Option<Vec<String>>,
}

impl Scope {
    fn root(&self, name: &str) -> Option<Root> {
        Root::ALL
            .into_iter()
            .find(|root| root.name() == name)
            .filter(|root| *root != Root::Params || self.params)
    }
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) source: String,
    pub(crate) node: node::Node,
}

impl Program {
    pub(crate) fn compile(source: &str, scope: &Scope) -> Result<Self, CompileError> {
        Ok(Self {
            source: source.to_owned(),
            node: compile::compile(source, scope)?,
        })
    }
}

/// A named expression, worked out when something asks for it.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) program: Program,
}

/// Compiles variables in their order: each sees those before it.
pub(crate) fn variables<'s>(
    sources: impl IntoIterator<Item = (&'s str, &'s str)>,
    scope: &mut Scope,
) -> Result<Vec<Variable>, String> {
    let mut variables = Vec::new();
    for (name, source) in sources {
        let program = Program::compile(source, scope)
            .map_err(|error| format!("variable {name:?}: compilation failed: {error}"))?;
        scope
            .variables
            .get_or_insert_default()
            .push(name.to_owned());
        variables.push(Variable {
            name: name.to_owned(),
            program,
        });
    }
    Ok(variables)
}
