//! What tells a task from others that are submitted in its place: [`fingerprint`].

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::fnv;

/// How deep lists and maps are looked into: as deep as `serde_json` reads them.
const DEPTH: usize = 128;

/// A hash of a task's id and its input, with the fields of its maps in order, since a hash map has them in
/// another one in each process. Numbers and texts are told apart by how they are written.
pub(crate) fn fingerprint(id: u64, input: &RawValue) -> String {
    let mut text = format!("{id} ");
    sorted(input.get(), DEPTH, &mut text);
    format!("{:016x}", fnv::hash(&text))
}

fn sorted(json: &str, depth: usize, text: &mut String) {
    let read = match json.as_bytes().first() {
        _ if depth == 0 => None,
        Some(b'{') => fields(json, depth, text),
        Some(b'[') => values(json, depth, text),
        _ => None,
    };
    if read.is_none() {
        text.push_str(json);
    }
}

/// Of fields that have the same name the last one counts.
fn fields(json: &str, depth: usize, text: &mut String) -> Option<()> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    text.push('{');
    for (name, value) in fields {
        text.push_str(&serde_json::Value::from(name).to_string());
        text.push(':');
        sorted(value.get(), depth - 1, text);
        text.push(',');
    }
    text.push('}');
    Some(())
}

fn values(json: &str, depth: usize, text: &mut String) -> Option<()> {
    let values: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    text.push('[');
    for value in values {
        sorted(value.get(), depth - 1, text);
        text.push(',');
    }
    text.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn of(id: u64, json: &str) -> String {
        fingerprint(id, &RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn tasks_of_another_id_or_input_are_told_apart() {
        assert_eq!(of(1, "2"), of(1, "2"));
        for [one, other] in [
            ["2", "3"],
            ["[1,[2]]", "[[1,2]]"],
            ["[[1],2]", "[[1,2]]"],
            ["18446744073709551617", "18446744073709551618"],
            [r#"{"a":{"b":1}}"#, r#"{"a":{},"b":1}"#],
            [r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#],
            [r#""[1]""#, "[1]"],
            [r#"{"a\":1":2}"#, r#"{"a":1}"#],
        ] {
            assert_ne!(of(1, one), of(1, other), "{one} {other}");
            assert_ne!(of(1, one), of(2, one));
        }
        assert_ne!(of(1, "12"), of(11, "2"));
    }

    #[test]
    fn what_is_too_deep_is_taken_as_it_is_written() {
        let deep = |inner: &str| {
            let (open, close) = ("[".repeat(9_000), "]".repeat(9_000));
            let json = format!("{open}{inner}{close}");
            let mut text = String::new();
            sorted(&json, DEPTH, &mut text);
            text
        };
        assert_ne!(deep("1"), deep("2"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<u8>().prop_map(Value::from),
            "[a,\\[\\]{}:\"]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab,:]{0,2}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_differs_is_told_apart(one in value(), other in value()) {
            let same = of(1, &one.to_string()) == of(1, &other.to_string());
            prop_assert_eq!(same, one == other);
        }

        #[test]
        fn the_order_of_fields_makes_no_difference(
            fields in proptest::collection::btree_map("[a-z]{1,3}", value(), 0..5),
        ) {
            let written = |fields: &mut dyn Iterator<Item = (&String, &Value)>| {
                let fields: Vec<_> = fields
                    .map(|(name, value)| format!("{}:  {value}", json!(name)))
                    .collect();
                format!("{{{}}}", fields.join(","))
            };
            let one = written(&mut fields.iter());
            let other = written(&mut fields.iter().rev());
            prop_assert_eq!(of(1, &one), of(1, &other));
        }
    }
}
