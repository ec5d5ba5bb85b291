//! A picture of a blueprint: [`diagram`].

use std::fmt::Write as _;

use crate::{Blueprint, StepInfo, StepKind};

/// The steps of a blueprint as a [Mermaid](https://mermaid.js.org) flowchart, delays rounded, with
/// the types that flow between them.
///
/// ```
/// use std::time::Duration;
///
/// struct Greeting;
///
/// #[orchestrator::blueprint]
/// impl Greeting {
///     #[step(timeout = "1s", retry = 2)]
///     async fn look_up(&self, id: u64) -> anyhow::Result<String> {
///         Ok(format!("user {id}"))
///     }
///     #[delay]
///     fn pause(&self) -> Duration {
///         Duration::from_secs(5)
///     }
///     #[step]
///     async fn greet(&self, name: &String) {}
/// }
///
/// let picture = orchestrator::diagram::<Greeting>();
/// assert_eq!(
///     picture,
///     r#"flowchart TD
///     input(["Greeting"])
///     s0["look_up<br>timeout = 1s<br>retry = 2"]
///     s1("pause")
///     s2["greet"]
///     output(["done"])
///     input -->|u64| s0
///     s0 -->|String| s1
///     s1 -->|String| s2
///     s2 -->|String| output
/// "#
/// );
/// ```
pub fn diagram<B: Blueprint>() -> String {
    let mut nodes = format!("    input([\"{}\"])\n", B::NAME);
    let mut arrows = String::new();
    let mut before = "input".to_owned();
    let mut value = "";
    for (index, step) in B::STEPS.iter().enumerate() {
        let _ = writeln!(nodes, "    s{index}{}", node(step));
        let _ = writeln!(arrows, "    {before} -->|{}| s{index}", plain(step.takes()));
        before = format!("s{index}");
        if step.early_exit() && index + 1 < B::STEPS.len() {
            let _ = writeln!(arrows, "    {before} -.-> output");
        }
        value = step.yields();
    }
    nodes.push_str("    output([\"done\"])\n");
    let _ = writeln!(arrows, "    {before} -->|{}| output", plain(value));
    format!("flowchart TD\n{nodes}{arrows}")
}

fn node(step: &StepInfo) -> String {
    let mut label = step.name().to_owned();
    let options = [
        ("timeout", step.timeout()),
        ("retry", step.retry()),
        ("limit", step.limit()),
        ("rate", step.rate()),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            let value = escaped(value);
            // As it was written: `retry = 2`, or `retry(times = 2, …)`.
            let _ = if value.contains('=') {
                write!(label, "<br>{option}#40;{value}#41;")
            } else {
                write!(label, "<br>{option} = {value}")
            };
        }
    }
    match step.kind() {
        StepKind::Step => format!("[\"{label}\"]"),
        StepKind::Delay => format!("(\"{label}\")"),
    }
}

/// A type's name without the paths in it.
fn plain(type_name: &str) -> String {
    let mut plain = String::new();
    let mut word = String::new();
    for c in type_name.chars() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else if c == ':' {
            word.clear();
        } else {
            plain.push_str(&std::mem::take(&mut word));
            plain.push(c);
        }
    }
    plain.push_str(&word);
    escaped(&plain)
}

/// What Mermaid takes for shapes and quotes of its own, as its character codes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '|' => escaped.push_str("#124;"),
            '(' => escaped.push_str("#40;"),
            ')' => escaped.push_str("#41;"),
            '[' => escaped.push_str("#91;"),
            ']' => escaped.push_str("#93;"),
            '{' => escaped.push_str("#123;"),
            '}' => escaped.push_str("#125;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_shown_without_paths_and_escaped() {
        assert_eq!(plain("alloc::string::String"), "String");
        assert_eq!(
            plain("alloc::vec::Vec<(u8, core::option::Option<a::B>)>"),
            "Vec#lt;#40;u8, Option#lt;B#gt;#41;#gt;"
        );
        assert_eq!(plain("()"), "#40;#41;");
        assert_eq!(plain("[u8; 4]"), "#91;u8; 4#93;");
    }
}
