//! States as JSON under the names of their steps.

use std::time::Duration;

use orchestrator::{Blueprint, Durable, blueprint};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    number: u64,
    #[serde(default)]
    note: String,
}

#[derive(Debug)]
struct Durably;

#[blueprint]
impl Durably {
    #[step]
    async fn fetch(&self, order: Order) -> anyhow::Result<String> {
        Ok(order.note)
    }

    #[step]
    async fn r#yield(&self, _: &String) {}

    #[delay]
    fn settle(&self) -> Duration {
        Duration::from_secs(1)
    }
}

#[test]
fn a_state_is_stored_under_its_step() {
    let order = Order {
        number: 7,
        note: String::new(),
    };
    let state = Durably::start(order);
    let (step, json) = Durably::encode(&state).unwrap();
    assert_eq!(
        (step, json.as_str()),
        ("fetch", r#"{"number":7,"note":""}"#)
    );
}

#[test]
fn an_output_is_read_back() {
    let json = Durably::encode_output(&"text".to_owned()).unwrap();
    assert_eq!(json, r#""text""#);
    assert_eq!(Durably::decode_output(&json).unwrap(), "text");
    assert!(Durably::decode_output("1").is_err());
}

#[test]
fn every_name_is_read_back() {
    for (step, position, json) in [
        ("fetch", 0, r#"{"number":7}"#),
        ("yield", 1, r#""text""#),
        ("settle", 2, r#""text""#),
        ("$end", 2, r#""text""#),
    ] {
        let state = Durably::decode(step, json).unwrap();
        assert_eq!(Durably::position(&state), position);
        assert_eq!(Durably::encode(&state).unwrap().0, step);
    }
}

#[test]
fn what_can_not_be_read_is_an_error() {
    let error = Durably::decode("gone", "1").err().unwrap();
    assert_eq!(error.to_string(), "`Durably` has no step `gone`");
    assert!(Durably::decode("fetch", "1").is_err());
    assert!(Durably::decode("yield", "").is_err());
}

struct Generic<T>(T);

#[blueprint]
impl<T: Clone + Sync> Generic<T> {
    #[step]
    async fn pair(&self, value: T) -> (T, T) {
        (value, self.0.clone())
    }

    #[step]
    async fn end(&self, _: &(T, T)) {}
}

#[test]
fn a_generic_blueprint_is_stored_if_its_payload_can_be() {
    let state = Generic::<u8>::decode("end", "[1,2]").unwrap();
    assert_eq!(Generic::<u8>::encode(&state).unwrap().1, "[1,2]");
}

/// `u8` flows under its own name, and as what the `Result` holds.
struct Twice;

#[blueprint]
impl Twice {
    #[step]
    async fn first(&self, number: u8) -> anyhow::Result<u8> {
        Ok(number)
    }

    #[delay]
    fn last(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn a_type_that_is_written_in_two_ways_is_stored() {
    let (step, json) = Twice::encode(&Twice::start(7)).unwrap();
    assert_eq!((step, json.as_str()), ("first", "7"));
    assert!(Twice::decode("$end", "7").is_ok());
}
