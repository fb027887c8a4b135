//! Jinja2 as cookiecutter and copier use it: the engine, with what it lacks put in front and beside it.

pub mod ansible;
pub mod call;
pub mod core;
pub mod json;
pub mod own;
pub mod python;
pub mod rewrite;

use crate::fault::{Fault, Result, one_line};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior, Value};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rewrite::Marks;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Steps that one rendering may take: a loop without end stops here, within a second or so.
const FUEL: u64 = 20_000_000;
/// The largest file that may be rendered.
pub const RENDERED_MAX: usize = 32 << 20;

/// What rendering may know of the world: the time and chance, handed in.
#[derive(Clone)]
pub struct World {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    random: Arc<Mutex<StdRng>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now_ms", &self.now_ms)
            .finish_non_exhaustive()
    }
}

impl World {
    /// At a moment, with chance from a seed: 32 bytes of the system's own, where secrets are made.
    pub fn new(now_ms: i64, seed: [u8; 32]) -> World {
        World {
            now_ms,
            random: Arc::new(Mutex::new(StdRng::from_seed(seed))),
        }
    }

    /// Something by chance.
    pub fn chance<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A seed of the system's own chance.
pub fn seed() -> [u8; 32] {
    rand::random()
}

/// How a template wants to be read.
#[derive(Debug, Clone)]
pub struct Manner {
    /// What marks a statement, an expression, a comment.
    pub marks: Marks,
    /// Takes the line break after a statement away.
    pub trim_blocks: bool,
    /// Takes the blanks before a statement away.
    pub lstrip_blocks: bool,
    /// The last line break stays.
    pub keep_trailing_newline: bool,
    /// What begins a line that is a statement.
    pub line_statement: Option<String>,
    /// What begins a comment to the end of the line.
    pub line_comment: Option<String>,
    /// An unknown name is an error.
    pub strict: bool,
    /// Where other templates are found.
    pub folders: Vec<PathBuf>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            marks: Marks::default(),
            trim_blocks: false,
            lstrip_blocks: false,
            keep_trailing_newline: true,
            line_statement: None,
            line_comment: None,
            strict: true,
            folders: Vec::new(),
        }
    }
}

/// A name and what it goes through, as a `yield` tag in a path says.
#[derive(Debug, Clone)]
pub struct Yielded {
    /// The variable.
    pub name: String,
    /// Its values.
    pub values: Vec<Value>,
}

/// Renders texts.
pub struct Engine {
    env: Environment<'static>,
    marks: Marks,
    yielded: Arc<Mutex<Option<Yielded>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// For templates of one manner.
    pub fn new(manner: &Manner, world: &World) -> Result<Engine> {
        let mut env = Environment::new();
        let m = &manner.marks;
        let mut syntax = SyntaxConfig::builder();
        syntax
            .block_delimiters(m.block.0.clone(), m.block.1.clone())
            .variable_delimiters(m.variable.0.clone(), m.variable.1.clone())
            .comment_delimiters(m.comment.0.clone(), m.comment.1.clone())
            .trim_blocks(manner.trim_blocks)
            .lstrip_blocks(manner.lstrip_blocks)
            .keep_trailing_newline(manner.keep_trailing_newline);
        if let Some(p) = &manner.line_statement {
            syntax.line_statement_prefix(p.clone());
        }
        if let Some(p) = &manner.line_comment {
            syntax.line_comment_prefix(p.clone());
        }
        let syntax = syntax
            .build()
            .map_err(|e| Fault::failed(format!("the template's delimiters cannot be used: {e}")))?;
        env.set_syntax(syntax);
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_undefined_behavior(match manner.strict {
            true => UndefinedBehavior::Strict,
            false => UndefinedBehavior::Lenient,
        });
        env.set_fuel(Some(FUEL));
        env.set_unknown_method_callback(python::method);
        minijinja_contrib::add_to_environment(&mut env);
        core::add(&mut env, world);
        ansible::add(&mut env);
        let yielded = Arc::new(Mutex::new(None));
        let seen = yielded.clone();
        env.add_function(
            "__yield",
            move |state: &mut State, name: String, rest: Rest<ValueOrKwargs>| yield_once(state, &seen, name, rest),
        );
        let (folders, marks) = (manner.folders.clone(), m.clone());
        env.set_loader(move |name| load(&folders, name, &marks));
        Ok(Engine {
            env,
            marks: m.clone(),
            yielded,
        })
    }

    /// A text with the names of a context.
    pub fn render(&self, name: &str, source: &str, context: &Value) -> Result<String> {
        *self.yielded.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let source = rewrite::rewrite(source, &self.marks);
        let mut out = Bounded::default();
        let done = self
            .env
            .template_from_named_str(name, &source)
            .and_then(|t| t.render_captured_to(context.clone(), &mut out).map(|_| ()));
        match done {
            Ok(()) => String::from_utf8(out.bytes).map_err(|e| Fault::failed(format!("{name}: {e}"))),
            Err(_) if out.full => Err(Fault::failed(format!(
                "{name}: it renders to more than {} MiB",
                RENDERED_MAX >> 20
            ))),
            Err(e) => Err(Fault::Failed(explain(name, &e))),
        }
    }

    /// What the last rendering's `yield` tag said.
    pub fn yielded(&self) -> Option<Yielded> {
        self.yielded.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn yield_once(
    state: &mut State,
    seen: &Mutex<Option<Yielded>>,
    name: String,
    rest: Rest<ValueOrKwargs>,
) -> std::result::Result<String, minijinja::Error> {
    let call = call::Call::from(rest);
    let values: Vec<Value> = match call.value(0, "") {
        Some(v) if !v.is_undefined() => v.try_iter()?.collect(),
        _ => Vec::new(),
    };
    {
        let mut slot = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() {
            return Err(call::bad("only one yield tag is allowed per path name"));
        }
        *slot = Some(Yielded { name, values });
    }
    match call.value(usize::MAX, "caller") {
        Some(caller) => match caller.call(state, &[]) {
            Ok(v) => Ok(v.to_string()),
            Err(e) if e.kind() == ErrorKind::UndefinedError => Ok(String::new()),
            Err(e) => Err(e),
        },
        None => Ok(String::new()),
    }
}

/// Collects what is rendered, up to a limit.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + buf.len() > RENDERED_MAX {
            self.full = true;
            return Err(std::io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn load(folders: &[PathBuf], name: &str, marks: &Marks) -> std::result::Result<Option<String>, minijinja::Error> {
    if Path::new(name)
        .components()
        .any(|c| !matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir))
    {
        return Err(minijinja::Error::new(
            ErrorKind::TemplateNotFound,
            format!("{name} is outside the template"),
        ));
    }
    for folder in folders {
        let path = folder.join(name);
        let inside = match (path.canonicalize(), folder.canonicalize()) {
            (Ok(p), Ok(f)) => p.starts_with(f) && p.is_file(),
            _ => false,
        };
        if inside {
            let text = std::fs::read_to_string(&path).map_err(|e| call::bad(format!("{name}: {e}")))?;
            return Ok(Some(rewrite::rewrite(&text, marks)));
        }
    }
    Ok(None)
}

/// An error of the engine as a sentence: where, what.
fn explain(name: &str, e: &minijinja::Error) -> String {
    let place = match (e.name(), e.line()) {
        (Some(n), Some(l)) => format!("{n}, line {l}"),
        _ => name.to_owned(),
    };
    let mut what = e
        .detail()
        .map_or_else(|| e.kind().to_string(), |d| format!("{}: {d}", e.kind()));
    if e.kind() == ErrorKind::OutOfFuel {
        what = "it does not come to an end, or makes far too much text: look for a loop that runs for ever, or a text that is repeated very often"
            .into();
    }
    one_line(&format!("{place}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::{Engine, Manner, World};

    #[test]
    fn a_text_that_is_repeated_too_often_is_not_taken_for_a_loop_alone() {
        let engine = Engine::new(&Manner::default(), &World::new(0, [7; 32])).expect("an engine");
        let said = |text: &str| {
            engine
                .render("f", text, &minijinja::Value::UNDEFINED)
                .expect_err("a refusal")
                .to_string()
        };
        for text in [
            "{{ 'x' * 3000000000 }}",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        ] {
            let said = said(text);
            assert!(
                said.contains("a text that is repeated very often") && said.contains("a loop that runs for ever"),
                "{said}"
            );
        }
    }
}
