//! Running an expression: what it sees, and what it comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::{Answer, Budget, Call, Fault, Patterns};
use super::node::{Constant, Fold, FoldKind, LazyKind, Node};
use super::value::{Key, Text, Value};
use super::{Root, Variable};

/// Everything one object's expressions share: what they see, which
/// variables were already worked out, and what they may cost together.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    roots: [Option<Value<'a>>; Root::COUNT],
    variables: &'a [Variable],
    known: Vec<Option<Answer<'a>>>,
    /// Variables that are given, not worked out.
    fixed: Vec<(usize, Value<'a>)>,
    locals: Vec<Value<'a>>,
    budget: Budget,
    patterns: Patterns,
    depth: usize,
}

/// How deep an expression may run, the variables it asks for included.
const MAX_DEPTH: usize = 250;

impl<'a> Machine<'a> {
    pub(crate) fn new(variables: &'a [Variable]) -> Self {
        Self {
            roots: [const { None }; Root::COUNT],
            variables,
            known: vec![None; variables.len()],
            fixed: Vec::new(),
            locals: Vec::new(),
            budget: Budget::new(0),
            patterns: Patterns::default(),
            depth: 0,
        }
    }

    pub(crate) fn set(&mut self, root: Root, value: Value<'a>) {
        if let Some(slot) = self.roots.get_mut(root as usize) {
            *slot = Some(value);
        }
    }

    /// Gives a variable its value.
    pub(crate) fn fix(&mut self, index: usize, value: Value<'a>) {
        self.fixed.push((index, value));
        self.forget();
    }

    /// Forgets what was worked out, as Kubernetes does between match
    /// conditions, validations and messages.
    pub(crate) fn forget(&mut self) {
        self.known.fill(None);
        for (index, value) in &self.fixed {
            if let Some(slot) = self.known.get_mut(*index) {
                *slot = Some(Ok(value.clone()));
            }
        }
    }

    /// Runs `node`, which may cost `limit`; also says what is left.
    pub(crate) fn run(&mut self, node: &'a Node, limit: u64) -> (Answer<'a>, u64) {
        self.budget = Budget::new(limit);
        self.locals.clear();
        self.depth = 0;
        let answer = self.eval(node);
        (answer, self.budget.left())
    }

    fn eval(&mut self, node: &'a Node) -> Answer<'a> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return Err(Fault::new("the expression and its variables nest too deep"));
        }
        let answer = self.node(node);
        self.depth -= 1;
        answer
    }

    fn node(&mut self, node: &'a Node) -> Answer<'a> {
        match node {
            Node::Constant(constant) => Ok(literal(constant)),
            Node::TypeName(name) => Ok(Value::Type(name)),
            Node::Root(root) => {
                self.budget.spend(1)?;
                match self.roots.get(*root as usize) {
                    Some(Some(value)) => Ok(value.clone()),
                    _ if *root == Root::Authorizer => Err(Fault::new(
                        "authorizer is not available: nobody to ask who may do what",
                    )),
                    _ => Err(Fault::Error(format!(
                        "no such attribute(s): {}",
                        root.name()
                    ))),
                }
            }
            Node::Variable(index) => self.variable(*index),
            Node::Local(slot) => {
                self.budget.spend(1)?;
                self.locals
                    .get(*slot)
                    .cloned()
                    .ok_or_else(|| Fault::new("no such attribute(s): local"))
            }
            Node::Field { of, name, optional } => {
                let value = self.eval(of)?;
                self.budget.spend(1)?;
                field(value, name, *optional)
            }
            Node::Has { of, name } => {
                let value = self.eval(of)?;
                Ok(Value::Bool(match value {
                    Value::Map(map) => map.field(name).is_some(),
                    Value::Optional(Some(value)) => match &*value {
                        Value::Map(map) => map.field(name).is_some(),
                        _ => false,
                    },
                    _ => false,
                }))
            }
            Node::Index { of, at, optional } => {
                let value = self.eval(of)?;
                let at = self.eval(at)?;
                self.budget.spend(1)?;
                index(&value, &at, *optional)
            }
            Node::All(nodes) => self.logic(nodes, false),
            Node::Any(nodes) => self.logic(nodes, true),
            Node::Conditional(nodes) => {
                let [condition, yes, no] = &**nodes;
                match self.eval(condition)? {
                    Value::Bool(true) => self.eval(yes),
                    Value::Bool(false) => self.eval(no),
                    _ => Err(Fault::no_overload()),
                }
            }
            Node::List(items) => {
                self.budget.spend(10 + items.len() as u64)?;
                let mut list = Vec::with_capacity(items.len());
                for (item, optional) in items {
                    match (self.eval(item)?, optional) {
                        (value, false) => list.push(value),
                        (Value::Optional(None), true) => {}
                        (Value::Optional(Some(value)), true) => list.push((*value).clone()),
                        _ => return Err(Fault::no_overload()),
                    }
                }
                Ok(Value::list(list))
            }
            Node::Map(entries) => {
                self.budget.spend(30 + entries.len() as u64)?;
                let mut map = BTreeMap::new();
                for (key, value, optional) in entries {
                    let key = self.eval(key)?;
                    let key = Key::of(&key).ok_or_else(|| Fault::new("unsupported key type"))?;
                    let value = match (self.eval(value)?, optional) {
                        (value, false) => value,
                        (Value::Optional(None), true) => continue,
                        (Value::Optional(Some(value)), true) => (*value).clone(),
                        _ => return Err(Fault::no_overload()),
                    };
                    if map.insert(key, value).is_some() {
                        return Err(Fault::new("Failed with repeated key"));
                    }
                }
                Ok(Value::map(map))
            }
            Node::Call {
                function,
                args,
                regex,
            } => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    values.push(self.eval(arg)?);
                }
                let weight: u64 = values.iter().map(Value::weight).sum();
                self.budget
                    .spend(1 + if function.flat { 0 } else { weight })?;
                let answer = (function.call)(&mut Call {
                    args: &values,
                    regex: regex.as_ref(),
                    budget: &mut self.budget,
                    patterns: &mut self.patterns,
                })?;
                if !function.flat {
                    self.budget.spend(answer.weight())?;
                }
                Ok(answer)
            }
            Node::Lazy { kind, args } => self.lazily(*kind, args),
            Node::Bind { value, body } => {
                let value = self.eval(value)?;
                self.locals.push(value);
                let answer = self.eval(body);
                self.locals.pop();
                answer
            }
            Node::Fold(fold) => self.fold(fold),
        }
    }

    fn variable(&mut self, index: usize) -> Answer<'a> {
        self.budget.spend(1)?;
        if let Some(Some(answer)) = self.known.get(index) {
            return answer.clone();
        }
        let variables = self.variables;
        let Some(variable) = variables.get(index) else {
            return Err(Fault::new("no such key: variable"));
        };
        // A variable sees none of the locals of whoever asks for it.
        let locals = std::mem::take(&mut self.locals);
        let answer = match self.eval(&variable.program.node) {
            Err(Fault::Error(message)) => Err(Fault::Error(format!(
                "composited variable {:?} fails to evaluate: {message}",
                variable.name
            ))),
            answer => answer,
        };
        self.locals = locals;
        if let Some(slot) = self.known.get_mut(index) {
            *slot = Some(answer.clone());
        }
        answer
    }

    /// `&&` and `||`: one operand that decides outweighs another's error.
    fn logic(&mut self, nodes: &'a [Node], decides: bool) -> Answer<'a> {
        let mut failed = None;
        for node in nodes {
            match self.eval(node) {
                Ok(Value::Bool(value)) if value == decides => return Ok(Value::Bool(decides)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => failed = failed.or_else(|| Some(Fault::no_overload())),
                Err(Fault::Cost) => return Err(Fault::Cost),
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        failed.map_or(Ok(Value::Bool(!decides)), Err)
    }

    /// Functions of optional values that run an operand only when needed.
    fn lazily(&mut self, kind: LazyKind, args: &'a [Node; 2]) -> Answer<'a> {
        use LazyKind as Kind;
        let [target, other] = args;
        let target = self.eval(target)?;
        self.budget.spend(1)?;
        let Value::Optional(inner) = target else {
            return Err(Fault::no_overload());
        };
        match (kind, inner) {
            (Kind::Or, Some(value)) => Ok(Value::Optional(Some(value))),
            (Kind::OrValue, Some(value)) => Ok((*value).clone()),
            (Kind::Or | Kind::OrValue, None) => self.eval(other),
            (Kind::OptMap | Kind::OptFlatMap, None) => Ok(Value::Optional(None)),
            (Kind::OptMap | Kind::OptFlatMap, Some(value)) => {
                self.locals.push((*value).clone());
                let answer = self.eval(other);
                self.locals.pop();
                match (kind, answer?) {
                    (Kind::OptMap, value) => Ok(Value::some(value)),
                    (_, value @ Value::Optional(_)) => Ok(value),
                    _ => Err(Fault::no_overload()),
                }
            }
        }
    }

    fn fold(&mut self, fold: &'a Fold) -> Answer<'a> {
        let range = self.eval(&fold.range)?;
        let mut state = Folding::new(fold.kind);
        let depth = self.locals.len();
        let outcome = self.each(fold, &range, &mut state);
        self.locals.truncate(depth);
        outcome?;
        state.answer()
    }

    fn each(
        &mut self,
        fold: &'a Fold,
        range: &Value<'a>,
        state: &mut Folding<'a>,
    ) -> Result<(), Fault> {
        let depth = self.locals.len();
        let mut visit = |machine: &mut Self, first: Value<'a>, second: Option<Value<'a>>| {
            machine.budget.spend(1)?;
            machine.locals.truncate(depth);
            machine.locals.push(first);
            machine.locals.extend(second);
            machine.step(fold, state)
        };
        match range {
            Value::List(list) => {
                for at in 0..list.len() {
                    let Some(item) = list.get(at) else { break };
                    let go_on = if fold.two {
                        visit(self, position(at), Some(item))?
                    } else {
                        visit(self, item, None)?
                    };
                    if !go_on {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                self.budget.spend(map.len() as u64)?;
                for (key, value) in map.entries() {
                    if !visit(self, key, fold.two.then_some(value))? {
                        break;
                    }
                }
            }
            _ => return Err(Fault::no_overload()),
        }
        Ok(())
    }

    /// One round of a fold; false when there is no need for another.
    fn step(&mut self, fold: &'a Fold, state: &mut Folding<'a>) -> Result<bool, Fault> {
        if let Some(filter) = &fold.filter {
            match self.eval(filter)? {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(true),
                _ => return Err(Fault::no_overload()),
            }
        }
        let key = self.locals.get(fold.slot).cloned();
        let answer = self.eval(&fold.body);
        match fold.kind {
            FoldKind::All | FoldKind::Exists => {
                let decides = fold.kind == FoldKind::Exists;
                match answer {
                    Ok(Value::Bool(value)) if value == decides => {
                        state.decided = true;
                        return Ok(false);
                    }
                    Ok(Value::Bool(_)) => {}
                    Ok(_) => {
                        state.failed.get_or_insert_with(Fault::no_overload);
                    }
                    Err(Fault::Cost) => return Err(Fault::Cost),
                    Err(fault) => {
                        state.failed.get_or_insert(fault);
                    }
                }
            }
            FoldKind::ExistsOne => match answer? {
                Value::Bool(true) => state.count += 1,
                Value::Bool(false) => {}
                _ => return Err(Fault::no_overload()),
            },
            FoldKind::Filter => match answer? {
                Value::Bool(true) => state.list.extend(key),
                Value::Bool(false) => {}
                _ => return Err(Fault::no_overload()),
            },
            FoldKind::Map | FoldKind::TransformList => state.list.push(answer?),
            FoldKind::TransformMap => {
                let key = key
                    .as_ref()
                    .and_then(Key::of)
                    .ok_or_else(|| Fault::new("unsupported key type"))?;
                state.map.insert(key, answer?);
            }
            FoldKind::TransformMapEntry => match answer? {
                Value::Map(map) => {
                    for (key, value) in map.entries() {
                        let key =
                            Key::of(&key).ok_or_else(|| Fault::new("unsupported key type"))?;
                        if state.map.insert(key, value).is_some() {
                            return Err(Fault::new("insert failed: key already exists"));
                        }
                    }
                }
                _ => return Err(Fault::no_overload()),
            },
        }
        Ok(true)
    }
}

#[derive(Debug)]
struct Folding<'a> {
    kind: FoldKind,
    decided: bool,
    failed: Option<Fault>,
    count: usize,
    list: Vec<Value<'a>>,
    map: BTreeMap<Key<'a>, Value<'a>>,
}

impl<'a> Folding<'a> {
    fn new(kind: FoldKind) -> Self {
        Self {
            kind,
            decided: false,
            failed: None,
            count: 0,
            list: Vec::new(),
            map: BTreeMap::new(),
        }
    }

    fn answer(self) -> Answer<'a> {
        match self.kind {
            FoldKind::All | FoldKind::Exists => {
                let decides = self.kind == FoldKind::Exists;
                if self.decided {
                    return Ok(Value::Bool(decides));
                }
                self.failed.map_or(Ok(Value::Bool(!decides)), Err)
            }
            FoldKind::ExistsOne => Ok(Value::Bool(self.count == 1)),
            FoldKind::Filter | FoldKind::Map | FoldKind::TransformList => {
                Ok(Value::list(self.list))
            }
            FoldKind::TransformMap | FoldKind::TransformMapEntry => Ok(Value::map(self.map)),
        }
    }
}

fn position<'a>(at: usize) -> Value<'a> {
    Value::Int(i64::try_from(at).unwrap_or(i64::MAX))
}

fn literal<'a>(constant: &Constant) -> Value<'a> {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Int(value) => Value::Int(*value),
        Constant::Uint(value) => Value::Uint(*value),
        Constant::Double(value) => Value::Double(*value),
        Constant::Text(text) => Value::String(Text::Shared(Arc::clone(text))),
        Constant::Bytes(bytes) => Value::Bytes(Arc::clone(bytes)),
    }
}

fn field<'a>(value: Value<'a>, name: &Arc<str>, optional: bool) -> Answer<'a> {
    match value {
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(value)) => field((*value).clone(), name, true),
        Value::Map(map) => match (map.field(name), optional) {
            (Some(value), false) => Ok(value),
            (Some(value), true) => Ok(Value::some(value)),
            (None, true) => Ok(Value::Optional(None)),
            (None, false) => Err(Fault::Error(format!("no such key: {name}"))),
        },
        _ if optional => Ok(Value::Optional(None)),
        _ => Err(Fault::Error(format!("no such key: {name}"))),
    }
}

fn index<'a>(value: &Value<'a>, at: &Value<'a>, optional: bool) -> Answer<'a> {
    let found = match value {
        Value::Optional(None) => return Ok(Value::Optional(None)),
        Value::Optional(Some(value)) => return index(value, at, true),
        Value::Map(map) => map.get(at),
        Value::List(list) => {
            let at = match at {
                Value::Int(at) => *at,
                Value::Uint(at) => i64::try_from(*at).unwrap_or(i64::MAX),
                Value::Double(at) => {
                    super::value::whole(*at).ok_or_else(|| Fault::new("unsupported index value"))?
                }
                other => {
                    return Err(Fault::Error(format!(
                        "unsupported index type '{}' in list",
                        other.type_name()
                    )));
                }
            };
            match usize::try_from(at).ok().and_then(|at| list.get(at)) {
                None if !optional => {
                    return Err(Fault::Error(format!("index out of bounds: {at}")));
                }
                found => found,
            }
        }
        _ => None,
    };
    match (found, optional) {
        (Some(value), false) => Ok(value),
        (Some(value), true) => Ok(Value::some(value)),
        (None, true) => Ok(Value::Optional(None)),
        (None, false) => Err(Fault::Error(format!(
            "no such key: {}",
            super::library::convert::display(at)
        ))),
    }
}
