//! A value of the file as JSON.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::value::kind;

/// So deep may values be in each other.
const MAX_DEPTH: usize = 32;

/// Where there is something that JSON has not, and what to do.
#[derive(Debug)]
pub(crate) struct NotJson {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// The same as JSON.
pub(crate) fn json(value: &Spanned<DeValue<'_>>) -> Result<Value, NotJson> {
    within(value, MAX_DEPTH)
}

fn within(value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Value, NotJson> {
    let fault = |message: String| NotJson { at: value.span().start, message };
    let deeper = || {
        let too_deep = || fault(format!("is more than {MAX_DEPTH} levels deep: make it flatter"));
        depth.checked_sub(1).ok_or_else(too_deep)
    };
    match value.get_ref() {
        DeValue::String(text) => Ok(Value::String(text.clone().into_owned())),
        DeValue::Boolean(is_so) => Ok(Value::Bool(*is_so)),
        DeValue::Integer(integer) => {
            let (digits, radix) = (integer.as_str(), integer.radix());
            let number = i64::from_str_radix(digits, radix).map(Number::from);
            let number = number.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from));
            number.map(Value::Number).map_err(|_| {
                fault("is too large for a whole number: write it in quotes".to_owned())
            })
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            number.map(Value::Number).ok_or_else(|| fault("must be a finite number".to_owned()))
        }
        DeValue::Datetime(_) => Err(fault(format!(
            "is {}, which JSON has not: write it in quotes",
            kind(value.get_ref())
        ))),
        DeValue::Array(list) => {
            let depth = deeper()?;
            list.iter().map(|item| within(item, depth)).collect::<Result<_, _>>().map(Value::Array)
        }
        DeValue::Table(table) => {
            let depth = deeper()?;
            let entries = table.iter().map(|(key, item)| {
                within(item, depth).map(|item| (key.get_ref().clone().into_owned(), item))
            });
            entries.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
    }
}
