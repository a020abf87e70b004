//! One compiled policy: text in, a rule's value out.
//!
//! A program is compiled once. Each thread that evaluates takes an
//! evaluator from the program's own pool, and puts it back.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program as Bytecode;
use regorus::rvm::vm::RegoVM;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, PolicyLengthConfig, Value};

use super::alias;
use super::bounds::{self, HOST, MAX_BYTES};
use super::reads::Reads;
use super::rewrite::{Choice, rewrite};
use super::tree::parse;
use super::{brief, from_rego, scan, to_rego};
use crate::external::OFF;
use crate::world::ExternalData;

/// The longest one evaluation may take.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Work between two looks at the time.
const LOOK: NonZeroU32 = NonZeroU32::new(512).unwrap();

/// Instructions one evaluation may take on the virtual machine.
const MAX_INSTRUCTIONS: usize = 20_000_000;

/// Evaluators kept for the next that comes.
const POOL: usize = 16;

/// Which Rego.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    V0,
    V1,
}

/// One file of Rego.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// What messages call it.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A compiled policy.
pub(crate) struct Program {
    /// The rule that is asked for.
    entry: String,
    interpreter: Engine,
    bytecode: Option<Arc<Bytecode>>,
    reads: Reads,
    engines: Mutex<Vec<Engine>>,
    machines: Mutex<Vec<RegoVM>>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("entry", &self.entry)
            .field("bytecode", &self.bytecode.is_some())
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles `modules`; the first is the template's own, and `rule` is
    /// one of its rules.
    pub(crate) fn compile(
        modules: &[Module],
        dialect: Dialect,
        rule: &str,
    ) -> Result<Self, String> {
        Self::compile_as(modules, dialect, rule, true)
    }

    /// The same for modules made of templates that have compiled, which
    /// the first looks into.
    pub(super) fn compile_joined(
        modules: &[Module],
        dialect: Dialect,
        rule: &str,
    ) -> Result<Self, String> {
        Self::compile_as(modules, dialect, rule, false)
    }

    fn compile_as(
        modules: &[Module],
        dialect: Dialect,
        rule: &str,
        strict: bool,
    ) -> Result<Self, String> {
        let bytes: usize = modules.iter().map(|module| module.text.len()).sum();
        if bytes > MAX_BYTES {
            return Err(format!(
                "{bytes} bytes of Rego; at most {MAX_BYTES} are read"
            ));
        }
        let first = modules.first().ok_or("there is no Rego")?;
        let mut parsed = Vec::new();
        let mut texts = Vec::new();
        for module in modules {
            let text = scan::prepare(&module.name, &module.text, dialect)?;
            parsed.push((module.name.clone(), parse(&module.name, &text, dialect)?));
            texts.push((module.name.clone(), text));
        }
        bounds::check(&parsed, strict)?;
        let (name, own) = parsed.first().ok_or("there is no Rego")?;
        let names = super::tree::globals(own);
        if !names.contains(rule) {
            return Err(format!("{name}: missing required rules: [{rule}]"));
        }
        let entry = format!("{}.{rule}", bounds::package(own));

        let choice = Choice {
            dialect,
            guarded: false,
            from_input: true,
        };
        let mut interpreter = ready(&texts, choice)?;
        let mut read = Vec::new();
        for (name, text) in &texts {
            let text = rewrite(name, text, choice)?;
            read.push(parse(name, &text, dialect)?);
        }
        let reads = Reads::of(read.iter());
        // The first evaluation prepares what every clone then shares.
        interpreter.set_input(Value::new_object());
        let prepared = interpreter.eval_rule(entry.clone());
        if let Err(error) = prepared
            && let Some(fault) = compile_fault(&error)
        {
            return Err(format!("{}: {fault}", first.name));
        }
        let bytecode = if reads.external
            || super::conflict::may_conflict(parsed.iter().map(|(_, module)| module))
        {
            None
        } else {
            bytecode(&texts, choice, &entry)
        };
        Ok(Self {
            entry,
            interpreter,
            bytecode,
            reads,
            engines: Mutex::default(),
            machines: Mutex::default(),
        })
    }

    pub(crate) fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Whether the virtual machine can run it.
    pub(crate) fn has_bytecode(&self) -> bool {
        self.bytecode.is_some()
    }

    /// The rule's value for `input`, by the interpreter. An evaluator
    /// holds on to what it saw last: after large objects it is not kept.
    pub(crate) fn interpret(
        &self,
        input: Value,
        external: Option<Arc<dyn ExternalData>>,
        keep: bool,
    ) -> Result<Value, String> {
        let mut engine = take(&self.engines).unwrap_or_else(|| self.interpreter.clone());
        if let Some(external) = external.as_ref().filter(|_| self.reads.external) {
            // Kept evaluators may have waited for another.
            engine.set_execution_timer_config(limit(MAX_TIME + external.patience()));
        }
        engine.set_input(input);
        let value = asking(external, || engine.eval_rule(self.entry.clone()));
        if keep {
            engine.set_input(Value::Null);
            give(&self.engines, engine);
        }
        value.map_err(|error| brief(&error))
    }

    /// The rule's value for `input`, by the virtual machine; `None` where
    /// it has no program.
    pub(crate) fn run(&self, input: Value, keep: bool) -> Option<Result<Value, String>> {
        let bytecode = self.bytecode.as_ref()?;
        let mut machine = take(&self.machines).unwrap_or_else(|| machine(bytecode));
        machine.set_input(input);
        let value = machine.execute_entry_point_by_index(0);
        machine.set_input(Value::Null);
        let value = value.map_err(|error| brief(&error));
        if keep && value.is_ok() {
            give(&self.machines, machine);
        }
        Some(value)
    }
}

/// An interpreter that has read `texts`.
pub(super) fn ready(texts: &[(String, String)], choice: Choice) -> Result<Engine, String> {
    let mut engine = Engine::new();
    engine.set_rego_v0(choice.dialect == Dialect::V0);
    engine.set_strict_builtin_errors(false);
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: scan::MAX_COLUMN,
        ..PolicyLengthConfig::default()
    });
    engine.set_execution_timer_config(limit(MAX_TIME));
    for name in HOST {
        let extension = Box::new(|arguments: Vec<Value>| Ok(answer(&arguments)));
        engine
            .add_extension((*name).to_owned(), 1, extension)
            .map_err(|error| brief(&error))?;
    }
    for (name, text) in texts {
        let mut text = rewrite(name, text, choice)?;
        if choice.guarded {
            text = alias::in_full(name, &text, choice.dialect)?;
        }
        engine
            .add_policy(name.clone(), text)
            .map_err(|error| brief(&error))?;
    }
    Ok(engine)
}

fn bytecode(texts: &[(String, String)], choice: Choice, entry: &str) -> Option<Arc<Bytecode>> {
    let choice = Choice {
        guarded: true,
        ..choice
    };
    let mut engine = ready(texts, choice).ok()?;
    let compiled = engine.compile_with_entrypoint(&entry.into()).ok()?;
    let program = Compiler::compile_from_policy(&compiled, &[entry]).ok()?;
    Some(program)
}

fn machine(bytecode: &Arc<Bytecode>) -> RegoVM {
    let mut machine = RegoVM::new();
    machine.load_program(Arc::clone(bytecode));
    machine.set_strict_builtin_errors(false);
    machine.set_max_instructions(MAX_INSTRUCTIONS);
    machine.set_execution_timer_config(Some(limit(MAX_TIME)));
    machine
}

fn limit(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig {
        limit,
        check_interval: LOOK,
    }
}

/// What an empty input brings to light only where the text itself is
/// wrong; anything else depends on the input.
fn compile_fault(error: &impl std::fmt::Display) -> Option<String> {
    let text = brief(error);
    [
        "undefined variable",
        "unsafe",
        "could not find function",
        "recursion",
        "not found",
    ]
    .iter()
    .any(|word| text.contains(word))
    .then_some(text)
}

fn take<T>(pool: &Mutex<Vec<T>>) -> Option<T> {
    pool.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn give<T>(pool: &Mutex<Vec<T>>, item: T) {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < POOL {
        pool.push(item);
    }
}

thread_local! {
    /// Who answers `external_data` while this thread evaluates.
    static EXTERNAL: std::cell::RefCell<Option<Arc<dyn ExternalData>>> =
        const { std::cell::RefCell::new(None) };
}

fn asking<T>(external: Option<Arc<dyn ExternalData>>, work: impl FnOnce() -> T) -> T {
    EXTERNAL.with(|slot| *slot.borrow_mut() = external);
    let done = work();
    EXTERNAL.with(|slot| *slot.borrow_mut() = None);
    done
}

/// Answers `external_data({"provider": …, "keys": […]})`.
fn answer(arguments: &[Value]) -> Value {
    let request = arguments.first().map(from_rego).unwrap_or_default();
    let provider = request["provider"].as_str().unwrap_or_default().to_owned();
    let keys: Vec<String> = request["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    let external = EXTERNAL.with(|slot| slot.borrow().clone());
    let mut response = match external {
        Some(external) => external.ask(&provider, &keys),
        None => serde_json::json!({
            "responses": [],
            "errors": [],
            "status_code": 400,
            "system_error": OFF,
        }),
    };
    if let Some(fields) = response.as_object_mut() {
        fields.remove("idempotent");
    }
    to_rego(&response)
}
