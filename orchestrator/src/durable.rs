//! States and outputs that can be written down and read back: [`Durable`], [`Storable`].

use crate::Blueprint;

/// A blueprint whose states and output can be stored.
///
/// `#[blueprint]` implements it for every blueprint, on the condition that its input, the types between
/// its steps and its output are [`Storable`]. In memory nothing asks for it.
#[diagnostic::on_unimplemented(
    message = "the states of `{Self}` can't be stored",
    label = "its input, its output, or a type between its steps is not `Storable`"
)]
pub trait Durable: Blueprint {
    /// The name of the step that the state stands at, and that step's input as JSON.
    ///
    /// # Errors
    ///
    /// If the input's `Serialize` refuses it.
    fn encode(state: &Self::State) -> anyhow::Result<(&'static str, String)>;

    /// The state that [`Durable::encode`] gave these for.
    ///
    /// # Errors
    ///
    /// If no step has this name, or its input does not fit the JSON.
    fn decode(step: &str, json: &str) -> anyhow::Result<Self::State>;

    /// What [`Durable::encode`] gives for the state before the first step, with this input.
    ///
    /// # Errors
    ///
    /// If the input's `Serialize` refuses it.
    fn encode_input(input: &Self::Input) -> anyhow::Result<(&'static str, String)>;

    /// The output as JSON.
    ///
    /// # Errors
    ///
    /// If its `Serialize` refuses it.
    fn encode_output(output: &Self::Output) -> anyhow::Result<String>;

    /// The output that [`Durable::encode_output`] gave this for.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit it.
    fn decode_output(json: &str) -> anyhow::Result<Self::Output>;
}

/// A value that can be stored: one that implements serde's `Serialize` and `Deserialize`.
///
/// Implemented for all such types where the cargo feature `durable` is on, and for none where it is
/// off.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be stored in a journal",
    label = "needs `#[derive(serde::Serialize, serde::Deserialize)]`, and the feature `durable` of `orchestrator`"
)]
pub trait Storable: Sized {
    /// The value as JSON.
    ///
    /// # Errors
    ///
    /// If the value's `Serialize` refuses it.
    fn to_json(&self) -> anyhow::Result<String>;

    /// The value that the JSON stands for.
    ///
    /// # Errors
    ///
    /// If the JSON does not fit the type.
    fn from_json(json: &str) -> anyhow::Result<Self>;
}

#[cfg(feature = "durable")]
#[diagnostic::do_not_recommend]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Storable for T {
    fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    fn from_json(json: &str) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(json)?)
    }
}
