//! From the text of an expression to what is run: parsed by the `cel`
//! crate, its names resolved and its macros turned into loops here, so
//! that what cannot work is said when a policy is loaded.

use super::library;
use super::node::{Constant, Fold, FoldKind, LazyKind, Node};
use super::{CompileError, Scope};
use cel::common::ast::{
    CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators,
};

/// The longest expression that is read at all.
pub(crate) const MAX_SOURCE: usize = 65_536;
/// The most punctuation in one: what nests, chains and calls.
const MAX_PUNCTUATION: usize = 6_000;
/// How deep an expression may nest.
const MAX_DEPTH: usize = 100;
/// Stack for the parser, which recurses for each link of a chain. Pages
/// that are not touched cost nothing.
const PARSER_STACK: usize = 256 << 20;

/// Parses and resolves `source`.
pub(crate) fn compile(source: &str, scope: &Scope) -> Result<Node, CompileError> {
    if source.trim().is_empty() {
        return Err(CompileError("the expression is empty".to_owned()));
    }
    if source.len() > MAX_SOURCE {
        return Err(CompileError(format!(
            "the expression has {} bytes, more than the {MAX_SOURCE} an expression may have",
            source.len()
        )));
    }
    let punctuation = source
        .bytes()
        .filter(|byte| byte.is_ascii_punctuation() && *byte != b'_')
        .count();
    if punctuation > MAX_PUNCTUATION {
        return Err(CompileError(format!(
            "the expression has {punctuation} operators, brackets and dots, more than the \
             {MAX_PUNCTUATION} an expression may have"
        )));
    }
    std::thread::scope(|threads| {
        let parser = std::thread::Builder::new()
            .name("cel-parser".to_owned())
            .stack_size(PARSER_STACK)
            .spawn_scoped(threads, || parse(source, scope))
            .map_err(|error| CompileError(format!("no thread to parse it in: {error}")))?;
        parser.join().unwrap_or_else(|_| {
            Err(CompileError(
                "the parser gave up on the expression".to_owned(),
            ))
        })
    })
}

fn parse(source: &str, scope: &Scope) -> Result<Node, CompileError> {
    let (tree, positions) = cel::Env::default()
        .parser()
        .enable_optional_syntax(true)
        .enable_ident_escape_syntax(true)
        .max_recursion_depth(96)
        .parse_with_source_info(source)
        .map_err(|errors| CompileError(errors.to_string()))?;
    let mut lowering = Lowering {
        scope,
        positions: &positions,
        locals: Vec::new(),
        depth: 0,
    };
    lowering.lower(&tree)
}

struct Lowering<'s> {
    scope: &'s Scope,
    positions: &'s SourceInfo,
    locals: Vec<String>,
    depth: usize,
}

impl Lowering<'_> {
    fn error(&self, id: u64, message: &str) -> CompileError {
        let source = &self.positions.source;
        let start = self
            .positions
            .offset_for(id)
            .map_or(0, |(start, _)| start as usize);
        let before: String = source.chars().take(start).collect();
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count();
        let text = source.lines().nth(line).unwrap_or("");
        CompileError(format!(
            "ERROR: <input>:{}:{}: {message}\n | {text}\n | {}^",
            line + 1,
            column + 1,
            ".".repeat(column)
        ))
    }

    fn lower(&mut self, tree: &IdedExpr) -> Result<Node, CompileError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(
                tree.id,
                &format!("the expression nests deeper than {MAX_DEPTH} levels"),
            ));
        }
        let node = self.node(tree);
        self.depth -= 1;
        node
    }

    fn node(&mut self, tree: &IdedExpr) -> Result<Node, CompileError> {
        match &tree.expr {
            Expr::Literal(value) => Ok(Node::Constant(constant(value))),
            Expr::Ident(name) => self.name(tree.id, name),
            Expr::Select(select) => self.select(tree.id, select),
            Expr::List(list) => {
                let mut items = Vec::with_capacity(list.elements.len());
                for (at, item) in list.elements.iter().enumerate() {
                    items.push((self.lower(item)?, list.optional_indices.contains(&at)));
                }
                Ok(Node::List(items))
            }
            Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(self.error(tree.id, "a field where a key is expected"));
                    };
                    entries.push((
                        self.lower(&entry.key)?,
                        self.lower(&entry.value)?,
                        entry.optional,
                    ));
                }
                Ok(Node::Map(entries))
            }
            Expr::Call(call) => self.call(tree.id, call),
            Expr::Struct(message) => Err(self.error(
                tree.id,
                &format!(
                    "undeclared reference to '{}' (in container '')",
                    message.type_name
                ),
            )),
            Expr::Comprehension(_) | Expr::Unspecified => {
                Err(self.error(tree.id, "unsupported expression"))
            }
        }
    }

    fn name(&self, id: u64, name: &str) -> Result<Node, CompileError> {
        let name = name.strip_prefix('.').unwrap_or(name);
        if let Some(slot) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(slot));
        }
        if let Some(root) = self.scope.root(name) {
            return Ok(Node::Root(root));
        }
        if let Some(name) = library::TYPES.iter().find(|known| **known == name) {
            return Ok(Node::TypeName(name));
        }
        if name == "variables" {
            return Err(self.error(id, "variables can only be asked for one by one"));
        }
        Err(self.error(
            id,
            &format!("undeclared reference to '{name}' (in container '')"),
        ))
    }

    /// Whether `tree` is the map of variables, not a local of that name.
    fn is_variables(&self, tree: &IdedExpr) -> bool {
        self.scope.variables.is_some()
            && matches!(&tree.expr, Expr::Ident(name)
                if name == "variables" && !self.locals.contains(name))
    }

    fn variable(&self, id: u64, name: &str) -> Result<Node, CompileError> {
        let variables = self.scope.variables.as_deref().unwrap_or_default();
        variables
            .iter()
            .rposition(|known| known == name)
            .map(Node::Variable)
            .ok_or_else(|| self.error(id, &format!("undefined field '{name}'")))
    }

    fn select(&mut self, id: u64, select: &SelectExpr) -> Result<Node, CompileError> {
        if self.is_variables(&select.operand) {
            return self.variable(id, &select.field);
        }
        // `net.IP` and its like are names of types.
        if let Expr::Ident(space) = &select.operand.expr {
            let whole = format!("{space}.{}", select.field);
            if let Some(name) = library::TYPES.iter().find(|known| **known == whole) {
                return Ok(Node::TypeName(name));
            }
        }
        Ok(Node::Field {
            of: Box::new(self.lower(&select.operand)?),
            name: select.field.as_str().into(),
            optional: false,
        })
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Result<Node, CompileError> {
        match (call.func_name.as_str(), &call.target, &*call.args) {
            (operators::LOGICAL_AND, None, _) => {
                let mut nodes = Vec::new();
                self.flatten(operators::LOGICAL_AND, &call.args, &mut nodes)?;
                Ok(Node::All(nodes))
            }
            (operators::LOGICAL_OR, None, _) => {
                let mut nodes = Vec::new();
                self.flatten(operators::LOGICAL_OR, &call.args, &mut nodes)?;
                Ok(Node::Any(nodes))
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                Ok(Node::Conditional(Box::new([
                    self.lower(condition)?,
                    self.lower(yes)?,
                    self.lower(no)?,
                ])))
            }
            (operators::OPT_SELECT, None, [of, name]) => {
                let Expr::Literal(LiteralValue::String(name)) = &name.expr else {
                    return Err(self.error(id, "unsupported optional field selection"));
                };
                Ok(Node::Field {
                    of: Box::new(self.lower(of)?),
                    name: name.inner().into(),
                    optional: true,
                })
            }
            (operators::INDEX | operators::OPT_INDEX, None, [of, at]) => {
                if let (true, Expr::Literal(LiteralValue::String(name))) =
                    (self.is_variables(of), &at.expr)
                {
                    return self.variable(id, name.inner());
                }
                Ok(Node::Index {
                    of: Box::new(self.lower(of)?),
                    at: Box::new(self.lower(at)?),
                    optional: call.func_name == operators::OPT_INDEX,
                })
            }
            (operators::HAS, None, [arg]) => self.has(id, arg),
            (name, Some(target), args) => self.method(id, name, target, args),
            (name, None, args) => self.function(id, name, false, None, args),
        }
    }

    fn flatten(
        &mut self,
        operator: &str,
        args: &[IdedExpr],
        into: &mut Vec<Node>,
    ) -> Result<(), CompileError> {
        for arg in args {
            match &arg.expr {
                Expr::Call(call) if call.func_name == operator && call.target.is_none() => {
                    self.flatten(operator, &call.args, into)?;
                }
                _ => into.push(self.lower(arg)?),
            }
        }
        Ok(())
    }

    fn has(&mut self, id: u64, arg: &IdedExpr) -> Result<Node, CompileError> {
        match &arg.expr {
            Expr::Select(select) if self.is_variables(&select.operand) => {
                self.variable(id, &select.field)?;
                Ok(Node::Constant(Constant::Bool(true)))
            }
            Expr::Select(select) => Ok(Node::Has {
                of: Box::new(self.lower(&select.operand)?),
                name: select.field.as_str().into(),
            }),
            Expr::Call(CallExpr {
                func_name, args, ..
            }) if func_name == operators::OPT_SELECT => match &**args {
                [
                    of,
                    IdedExpr {
                        expr: Expr::Literal(LiteralValue::String(name)),
                        ..
                    },
                ] => Ok(Node::Has {
                    of: Box::new(self.lower(of)?),
                    name: name.inner().into(),
                }),
                _ => Err(self.error(id, "invalid argument to has() macro")),
            },
            _ => Err(self.error(id, "invalid argument to has() macro")),
        }
    }

    fn method(
        &mut self,
        id: u64,
        name: &str,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Result<Node, CompileError> {
        if let Expr::Ident(space) = &target.expr
            && !self.locals.contains(space)
            && self.scope.root(space).is_none()
        {
            if space == "cel" && name == "bind" {
                return self.bind(id, args);
            }
            let whole = format!("{space}.{name}");
            if library::known(&whole) {
                return self.function(id, &whole, false, None, args);
            }
        }
        let lazy = match (name, args.len()) {
            ("or", 1) => Some(LazyKind::Or),
            ("orValue", 1) => Some(LazyKind::OrValue),
            ("optMap", 2) => Some(LazyKind::OptMap),
            ("optFlatMap", 2) => Some(LazyKind::OptFlatMap),
            _ => None,
        };
        if let Some(kind) = lazy {
            return self.lazy(id, kind, target, args);
        }
        let fold = match (name, args.len()) {
            ("all", 2 | 3) => Some((FoldKind::All, args.len() == 3, false)),
            ("exists", 2 | 3) => Some((FoldKind::Exists, args.len() == 3, false)),
            ("exists_one" | "existsOne", 2 | 3) => {
                Some((FoldKind::ExistsOne, args.len() == 3, false))
            }
            ("filter", 2) => Some((FoldKind::Filter, false, false)),
            ("map", 2) => Some((FoldKind::Map, false, false)),
            ("map", 3) => Some((FoldKind::Map, false, true)),
            ("transformList", 3 | 4) => Some((FoldKind::TransformList, true, args.len() == 4)),
            ("transformMap", 3 | 4) => Some((FoldKind::TransformMap, true, args.len() == 4)),
            ("transformMapEntry", 3 | 4) => {
                Some((FoldKind::TransformMapEntry, true, args.len() == 4))
            }
            _ => None,
        };
        match fold {
            Some((kind, two, filtered)) => self.fold(id, kind, two, filtered, target, args),
            None => self.function(id, name, true, Some(target), args),
        }
    }

    fn variable_name(&self, tree: &IdedExpr) -> Result<String, CompileError> {
        match &tree.expr {
            Expr::Ident(name) => Ok(name.clone()),
            _ => Err(self.error(tree.id, "argument must be a simple name")),
        }
    }

    fn bind(&mut self, id: u64, args: &[IdedExpr]) -> Result<Node, CompileError> {
        let [name, value, body] = args else {
            return Err(self.error(id, "cel.bind takes a name, a value and an expression"));
        };
        let name = self.variable_name(name)?;
        let value = self.lower(value)?;
        self.locals.push(name);
        let body = self.lower(body);
        self.locals.pop();
        Ok(Node::Bind {
            value: Box::new(value),
            body: Box::new(body?),
        })
    }

    fn lazy(
        &mut self,
        id: u64,
        kind: LazyKind,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Result<Node, CompileError> {
        let target = self.lower(target)?;
        let other = match (kind, args) {
            (LazyKind::Or | LazyKind::OrValue, [other]) => self.lower(other)?,
            (_, [name, body]) => {
                let name = self.variable_name(name)?;
                self.locals.push(name);
                let body = self.lower(body);
                self.locals.pop();
                body?
            }
            _ => return Err(self.error(id, "wrong number of arguments")),
        };
        Ok(Node::Lazy {
            kind,
            args: Box::new([target, other]),
        })
    }

    fn fold(
        &mut self,
        id: u64,
        kind: FoldKind,
        two: bool,
        filtered: bool,
        target: &IdedExpr,
        args: &[IdedExpr],
    ) -> Result<Node, CompileError> {
        let range = self.lower(target)?;
        let slot = self.locals.len();
        let names = usize::from(two) + 1;
        for name in args.iter().take(names) {
            let name = self.variable_name(name)?;
            self.locals.push(name);
        }
        let inner = (|| {
            let mut rest = args.iter().skip(names);
            let filter = match (filtered, rest.next()) {
                (true, Some(filter)) => Some(self.lower(filter)?),
                (true, None) => None,
                (false, Some(body)) => return Ok((None, self.lower(body)?)),
                (false, None) => return Err(self.error(id, "a part of the macro is missing")),
            };
            match rest.next() {
                Some(body) => Ok((filter, self.lower(body)?)),
                None => Err(self.error(id, "a part of the macro is missing")),
            }
        })();
        self.locals.truncate(slot);
        let (filter, body) = inner?;
        Ok(Node::Fold(Box::new(Fold {
            kind,
            range,
            two,
            slot,
            filter,
            body,
        })))
    }

    fn function(
        &mut self,
        id: u64,
        name: &str,
        method: bool,
        target: Option<&IdedExpr>,
        args: &[IdedExpr],
    ) -> Result<Node, CompileError> {
        let count = args.len() + usize::from(method);
        let Some(function) = library::find(name, method, count) else {
            let message = if library::known(name) {
                format!(
                    "found no matching overload for '{name}' with {} arguments",
                    args.len()
                )
            } else {
                format!("undeclared reference to '{name}' (in container '')")
            };
            return Err(self.error(id, &message));
        };
        let mut nodes = Vec::with_capacity(count);
        for arg in target.into_iter().chain(args) {
            nodes.push(self.lower(arg)?);
        }
        let regex = match (function.pattern, nodes.get(1)) {
            (true, Some(Node::Constant(Constant::Text(pattern)))) => Some(
                library::text::pattern(pattern)
                    .map_err(|fault| self.error(id, &fault.to_string()))?,
            ),
            _ => None,
        };
        Ok(Node::Call {
            function,
            args: nodes,
            regex,
        })
    }
}

fn constant(value: &LiteralValue) -> Constant {
    match value {
        LiteralValue::Boolean(value) => Constant::Bool(*value.inner()),
        LiteralValue::Bytes(value) => Constant::Bytes(value.inner().into()),
        LiteralValue::Double(value) => Constant::Double(*value.inner()),
        LiteralValue::Int(value) => Constant::Int(*value.inner()),
        LiteralValue::Null => Constant::Null,
        LiteralValue::String(value) => Constant::Text(value.inner().into()),
        LiteralValue::UInt(value) => Constant::Uint(*value.inner()),
    }
}
