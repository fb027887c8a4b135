//! The arguments of a call as Python passes them: by place or by name.

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Error, ErrorKind, Value};

/// What a filter, a function or a method was called with.
pub struct Call {
    by_place: Vec<Value>,
    by_name: Option<Kwargs>,
}

impl Call {
    /// Of the arguments after the value that is worked on.
    pub fn new(values: &[Value]) -> Call {
        let mut by_place = values.to_vec();
        let by_name = match by_place.last() {
            Some(v) if v.is_kwargs() => by_place.pop().and_then(|v| Kwargs::try_from(v).ok()),
            _ => None,
        };
        Call { by_place, by_name }
    }

    /// The argument at a place, or of a name.
    pub fn value(&self, place: usize, name: &str) -> Option<Value> {
        let named = || {
            self.by_name
                .as_ref()
                .and_then(|k| k.get::<Option<Value>>(name).ok().flatten())
        };
        self.by_place.get(place).cloned().or_else(named)
    }

    /// A text there, or what holds without one.
    pub fn text(&self, place: usize, name: &str, default: &str) -> String {
        match self.value(place, name) {
            Some(v) if !v.is_none() => v.to_string(),
            _ => default.to_owned(),
        }
    }

    /// A whole number there.
    pub fn number(&self, place: usize, name: &str, default: i64) -> Result<i64, Error> {
        match self.value(place, name) {
            Some(v) if !v.is_none() => i64::try_from(v),
            _ => Ok(default),
        }
    }

    /// Yes or no there.
    pub fn flag(&self, place: usize, name: &str, default: bool) -> bool {
        self.value(place, name).map_or(default, |v| v.is_true())
    }

    /// All arguments that have no name.
    pub fn by_place(&self) -> &[Value] {
        &self.by_place
    }

    /// The names of the others.
    pub fn names(&self) -> Vec<String> {
        self.by_name
            .as_ref()
            .map(|k| k.args().map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

impl From<Rest<ValueOrKwargs>> for Call {
    fn from(rest: Rest<ValueOrKwargs>) -> Call {
        let values: Vec<Value> = rest.0.into_iter().map(ValueOrKwargs::into_value).collect();
        Call::new(&values)
    }
}

/// A call that cannot be carried out.
pub fn bad(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.into())
}
