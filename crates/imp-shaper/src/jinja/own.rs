//! Lists and maps that a template may change in place, as Python's can be.

use super::call::{Call, bad};
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, State, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many things one list may hold: a loop that only appends must end.
const ITEMS_MAX: usize = 100_000;

/// A value that can be changed: lists and maps become our own, everything else stays.
pub fn own(value: &Value) -> Value {
    match value.kind() {
        ValueKind::Seq if !value.is_tuple() => {
            let items = value.try_iter().map(|i| i.collect()).unwrap_or_default();
            Value::from_object(List(Mutex::new(items)))
        }
        ValueKind::Map => {
            let keys: Vec<Value> = value.try_iter().map(|k| k.collect()).unwrap_or_default();
            let pairs = keys.into_iter().map(|k| {
                let v = value.get_item(&k).unwrap_or_default();
                (k, v)
            });
            Value::from_object(Map(Mutex::new(pairs.collect())))
        }
        _ => value.clone(),
    }
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct List(Mutex<Vec<Value>>);

#[derive(Debug)]
struct Map(Mutex<Vec<(Value, Value)>>);

fn place(at: i64, len: usize) -> usize {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    usize::try_from(if at < 0 { at + len } else { at }.clamp(0, len)).unwrap_or(0)
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        lock(&self.0).get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(lock(&self.0).clone())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let call = Call::new(args);
        let mut items = lock(&self.0);
        let first = call.value(0, "").unwrap_or_default();
        match name {
            "append" => items.push(first),
            "extend" => items.extend(first.try_iter()?),
            "insert" => {
                let at = place(call.number(0, "", 0)?, items.len());
                items.insert(at, call.value(1, "").unwrap_or_default());
            }
            "remove" => {
                let at = items
                    .iter()
                    .position(|v| *v == first)
                    .ok_or_else(|| bad("list.remove(x): x not in list"))?;
                items.remove(at);
            }
            "pop" => {
                let at = call.number(0, "", -1)?;
                let at = place(at, items.len());
                return match at < items.len() {
                    true => Ok(items.remove(at)),
                    false => Err(bad("pop from empty list")),
                };
            }
            "index" => {
                let at = items.iter().position(|v| *v == first);
                return at.map(|n| Value::from(n as u64)).ok_or_else(|| bad("not in the list"));
            }
            "count" => return Ok(Value::from(items.iter().filter(|v| **v == first).count() as u64)),
            "copy" => return Ok(Value::from_object(List(Mutex::new(items.clone())))),
            "clear" => items.clear(),
            "reverse" => items.reverse(),
            "sort" => {
                items.sort();
                if call.flag(9, "reverse", false) {
                    items.reverse();
                }
            }
            _ => return Err(bad(format!("lists have no method {name}"))),
        }
        match items.len() > ITEMS_MAX {
            true => Err(bad("the list grows without end")),
            false => Ok(Value::from(())),
        }
    }
}

impl Map {
    fn get(&self, key: &Value) -> Option<Value> {
        lock(&self.0).iter().find(|(k, _)| k == key).map(|(_, v)| v.clone())
    }

    fn set(&self, key: Value, value: Value) -> Result<(), Error> {
        let mut pairs = lock(&self.0);
        match pairs.iter().position(|(k, _)| *k == key) {
            Some(at) => pairs[at].1 = value,
            None if pairs.len() >= ITEMS_MAX => return Err(bad("the map grows without end")),
            None => pairs.push((key, value)),
        }
        Ok(())
    }
}

impl Object for Map {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(lock(&self.0).iter().map(|(k, _)| k.clone()).collect())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let call = Call::new(args);
        let first = call.value(0, "").unwrap_or_default();
        match name {
            "update" => {
                let from = call.value(0, "");
                for key in from.iter().flat_map(|v| v.try_iter().into_iter().flatten()) {
                    let value = first.get_item(&key)?;
                    self.set(key, value)?;
                }
                for key in call.names() {
                    self.set(
                        Value::from(key.clone()),
                        call.value(usize::MAX, &key).unwrap_or_default(),
                    )?;
                }
                Ok(Value::from(()))
            }
            "setdefault" => {
                if let Some(found) = self.get(&first) {
                    return Ok(found);
                }
                let value = call.value(1, "default").unwrap_or_else(|| Value::from(()));
                self.set(first, value.clone())?;
                Ok(value)
            }
            "pop" => {
                let mut pairs = lock(&self.0);
                match pairs.iter().position(|(k, _)| *k == first) {
                    Some(at) => Ok(pairs.remove(at).1),
                    None => call.value(1, "default").ok_or_else(|| bad(format!("no key {first}"))),
                }
            }
            "clear" => {
                lock(&self.0).clear();
                Ok(Value::from(()))
            }
            "copy" => Ok(Value::from_object(Map(Mutex::new(lock(&self.0).clone())))),
            _ => {
                let value = Value::from_dyn_object(DynObject::new(self.clone()));
                minijinja_contrib::pycompat::unknown_method_callback(state, &value, name, args)
            }
        }
    }
}
