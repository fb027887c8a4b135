//! Asks at a terminal, line by line.

use imp_shaper::fault::{Fault, Result, one_line};
use imp_shaper::formats::copier_answers::shown;
use imp_shaper::question::{Ask, Form, Question};
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};

/// A person at a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

/// The same, asked only what has no default.
#[derive(Debug, Clone, Copy)]
pub struct OnlyNew(pub Terminal);

impl Ask for OnlyNew {
    fn ask(&mut self, question: &Question) -> Result<Value> {
        match &question.default {
            Some(known) => Ok(known.clone()),
            None => self.0.ask(question),
        }
    }

    fn refuse(&mut self, question: &Question, why: &str) -> bool {
        question.default.is_none() && self.0.refuse(question, why)
    }
}

fn put(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

impl Ask for Terminal {
    fn ask(&mut self, question: &Question) -> Result<Value> {
        put(&format!("{}\n", one_line(&question.text)));
        if !question.help.is_empty() {
            put(&format!("  {}\n", one_line(&question.help)));
        }
        let choices: &[(String, Value)] = match &question.form {
            Form::One(c) | Form::Some(c) => c,
            Form::Text | Form::Flag | Form::Number | Form::Data => &[],
        };
        for (n, (label, _)) in choices.iter().enumerate() {
            put(&format!("  {}. {}\n", n + 1, one_line(label)));
        }
        loop {
            put(&hint(question));
            let mut line = String::new();
            let read = std::io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|e| Fault::failed(format!("no answer could be read: {e}")))?;
            if read == 0 {
                return Err(Fault::wrong(format!(
                    "the question {:?} was not answered; nothing was made",
                    question.name
                )));
            }
            let line = line.trim_end_matches(['\n', '\r']);
            if let (true, Some(default)) = (line.is_empty(), &question.default) {
                return Ok(default.clone());
            }
            match read_answer(line, question, choices) {
                Some(value) => return Ok(value),
                None => put("  That is none of the answers.\n"),
            }
        }
    }

    fn refuse(&mut self, _: &Question, why: &str) -> bool {
        put(&format!("  {}\n", one_line(why)));
        true
    }
}

fn hint(question: &Question) -> String {
    let several = matches!(question.form, Form::Some(_));
    let default = match &question.default {
        Some(_) if question.secret => " [unchanged]".to_owned(),
        Some(v) => format!(" [{}]", one_line(&shown(v))),
        None => String::new(),
    };
    let what = match &question.form {
        Form::Flag => "yes or no",
        Form::One(_) => "number",
        Form::Some(_) if several => "numbers, with commas",
        Form::Text | Form::Number | Form::Data | Form::Some(_) => "",
    };
    format!("  {what}{default} > ")
}

fn read_answer(line: &str, question: &Question, choices: &[(String, Value)]) -> Option<Value> {
    let pick = |word: &str| {
        let by_number = word
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|n| choices.get(n.checked_sub(1)?));
        let by_name = || {
            choices
                .iter()
                .find(|(l, v)| l == word.trim() || shown(v) == word.trim())
        };
        by_number.or_else(by_name).map(|(_, v)| v.clone())
    };
    match &question.form {
        Form::One(_) => pick(line),
        Form::Some(_) => {
            let words = line.split(',').map(str::trim).filter(|w| !w.is_empty());
            words.map(pick).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Form::Flag => match line.trim().to_lowercase().as_str() {
            "y" | "yes" | "true" | "1" => Some(json!(true)),
            "n" | "no" | "false" | "0" => Some(json!(false)),
            _ => None,
        },
        Form::Text | Form::Number | Form::Data => Some(json!(line)),
    }
}
