//! What is asked in one pipeline, and which answer is whose. Completions, of which nearly every event has
//! one, are one command together; every other call is a command of its own.

use deadpool_redis::redis::{Pipeline, RedisResult, Value};

use super::super::script::{Call, complete_all};

/// The calls of one pipeline.
pub(super) struct Questions {
    pub(super) pipeline: Pipeline,
    /// So many of the calls, the first ones, share an answer.
    completions: usize,
}

impl Questions {
    /// Of `calls`, of which those that complete are the first.
    pub(super) fn of(calls: &[&Call]) -> Self {
        let completions: Vec<_> = calls.iter().map_while(|call| call.completion()).collect();
        let others = &calls[completions.len()..];
        let mut pipeline = Pipeline::with_capacity(others.len() + 1);
        if !completions.is_empty() {
            pipeline.add_command(complete_all(completions.iter().copied()));
        }
        for call in others {
            call.append_to(&mut pipeline);
        }
        Self { pipeline, completions: completions.len() }
    }

    /// An answer for each call, in their order; `None` if there are fewer or more than were asked for.
    pub(super) fn answers(
        &self,
        given: Vec<RedisResult<Value>>,
    ) -> Option<Vec<RedisResult<Value>>> {
        if given.len() != self.pipeline.len() {
            return None;
        }
        if self.completions == 0 {
            return Some(given);
        }
        let mut given = given.into_iter();
        let mut answers = match given.next()? {
            Ok(Value::Array(each)) if each.len() == self.completions => {
                each.into_iter().map(Ok).collect()
            }
            // Of all of them, then: an error, or what nobody understands.
            other => vec![other; self.completions],
        };
        answers.extend(given);
        Some(answers)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn complete(key: &str) -> Call {
        Call::Complete { key: key.to_owned(), token: format!("token of {key}") }
    }

    fn error(line: &str) -> RedisResult<Value> {
        parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap().extract_error()
    }

    #[test]
    fn completions_are_one_command_and_each_has_its_own_answer() {
        let (one, other, ping) = (complete("one"), complete("other"), Call::Ping);
        let questions = Questions::of(&[&one, &other, &ping, &ping]);
        let packed = String::from_utf8(questions.pipeline.get_packed_pipeline()).unwrap();
        assert_eq!(packed.matches("EVALSHA").count(), 1, "{packed}");
        assert_eq!(packed.matches("PING").count(), 2, "{packed}");
        let words = ["one", "other", "token of one", "token of other"];
        let places = words.map(|word| packed.find(&format!("\r\n{word}\r\n")).unwrap());
        assert!(places.is_sorted(), "{packed}");

        let given = vec![
            Ok(Value::Array(vec![Value::Int(1), Value::Int(0)])),
            Ok(Value::Int(7)),
            error("ERR no"),
        ];
        let answers = questions.answers(given).unwrap();
        let plain: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok()).collect();
        let (done, left, seven) = (Value::Int(1), Value::Int(0), Value::Int(7));
        assert_eq!(plain, [Some(&done), Some(&left), Some(&seven), None]);
    }

    #[test]
    fn an_error_of_the_one_command_is_everybodys() {
        let (one, other) = (complete("one"), complete("other"));
        let questions = Questions::of(&[&one, &other, &Call::Ping]);
        let answers = questions.answers(vec![error("OOM full"), Ok(Value::Okay)]).unwrap();
        let codes: Vec<_> = answers
            .iter()
            .map(|answer| answer.as_ref().err().and_then(|error| error.code()))
            .collect();
        assert_eq!(codes, [Some("OOM"), Some("OOM"), None]);
    }

    #[test]
    fn what_is_answered_with_too_little_is_answered_to_nobody() {
        let one = complete("one");
        assert!(Questions::of(&[&one, &Call::Ping]).answers(vec![Ok(Value::Okay)]).is_none());
        assert!(Questions::of(&[&Call::Ping]).answers(vec![]).is_none());
    }
}
