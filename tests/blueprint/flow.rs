//! By value transforms, by reference observes, and what takes no value leaves the flow alone.

use std::sync::Mutex;
use std::time::Duration;

use orchestrator::{Blueprint, StepContext, StepInfo, StepKind, blueprint};
use tokio::time::Instant;

use crate::run;

#[derive(Debug, PartialEq)]
struct Order(u64);
#[derive(Debug, PartialEq)]
struct Fetched(String);

struct ProcessData {
    delay: Duration,
}

#[blueprint]
impl ProcessData {
    /// GET the endpoint.
    ///
    /// In one go.
    #[step(timeout = "10s", retry(times = 2, backoff = "200ms"))]
    async fn fetch_data(&self, order: &Order) -> anyhow::Result<()> {
        anyhow::ensure!(order.0 > 0, "no such order");
        Ok(())
    }

    #[step]
    async fn convert(&self, Order(number): Order) -> Fetched {
        Fetched(Self::label(number))
    }

    /// Let the upstream settle.
    #[delay]
    async fn long_delay(&self, _: &Fetched) -> Duration {
        self.delay
    }

    fn label(number: u64) -> String {
        format!("order {number}")
    }

    #[step]
    async fn emit_event(&self, fetched: &Fetched, cx: &StepContext) -> anyhow::Result<()> {
        assert_eq!(cx.step(), "emit_event");
        anyhow::ensure!(fetched.0 != "order 2", "not two");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_readme_example() {
    let delay = Duration::from_secs(3_600);
    let began = Instant::now();
    let output = run(ProcessData { delay }, Order(7)).await.unwrap();
    assert_eq!(output, Fetched("order 7".to_owned()));
    assert!(began.elapsed() >= delay);

    let error = run(ProcessData { delay }, Order(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "emit_event: not two (1 attempt)");
    let error = run(ProcessData { delay }, Order(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "fetch_data: no such order (3 attempts)");
}

#[test]
fn steps_are_described() {
    assert_eq!(ProcessData::NAME, "ProcessData");
    let [fetch, convert, delay, emit] = ProcessData::STEPS else {
        panic!("{:?}", ProcessData::STEPS);
    };
    assert_eq!((fetch.name(), fetch.kind()), ("fetch_data", StepKind::Step));
    assert_eq!(fetch.doc(), "GET the endpoint.\n\nIn one go.");
    assert_eq!(fetch.timeout(), Some("10s"));
    assert_eq!(fetch.retry(), Some("times = 2, backoff = \"200ms\""));
    assert_eq!(
        (delay.name(), delay.kind()),
        ("long_delay", StepKind::Delay)
    );
    assert_eq!((emit.doc(), emit.timeout(), emit.retry()), ("", None, None));
    assert!(convert.takes().ends_with("::Order"), "{}", convert.takes());
    assert!(convert.yields().ends_with("::Fetched"));
    assert_eq!(emit.takes(), emit.yields());
}

#[tokio::test]
async fn steps_stay_ordinary_methods() {
    let blueprint = ProcessData {
        delay: Duration::ZERO,
    };
    assert_eq!(blueprint.convert(Order(1)).await.0, "order 1");
    assert_eq!(ProcessData::label(3), "order 3");
}

/// Every way of taking and giving, in one pipeline.
struct EveryForm {
    seen: Mutex<Vec<&'static str>>,
}

impl EveryForm {
    fn saw(&self, what: &'static str) {
        self.seen.lock().unwrap().push(what);
    }
}

#[blueprint]
impl EveryForm {
    #[step]
    async fn before(&self) {
        self.saw("before");
    }

    #[step]
    async fn before_fallible(&self, cx: &StepContext) -> std::fmt::Result {
        assert_eq!((cx.ordinal(), cx.attempt()), (0, 1));
        self.saw("before_fallible");
        Ok(())
    }

    #[step]
    #[expect(clippy::needless_arbitrary_self_type, reason = "it may be written so")]
    pub(crate) async fn parse(
        self: &Self,
        text: &'static str,
    ) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }

    #[delay]
    fn rest(&self) -> Duration {
        Duration::from_millis(5)
    }

    #[step]
    async fn idle(&self) -> std::io::Result<()> {
        self.saw("idle");
        Ok(())
    }

    #[delay]
    async fn rest_by(&self, value: &u32, _cx: &StepContext) -> Result<Duration, std::fmt::Error> {
        if *value == 13 {
            return Err(std::fmt::Error);
        }
        Ok(Duration::from_millis((*value).into()))
    }

    #[step]
    async fn pair(&self, value: u32) -> (u32, Vec<Self>) {
        (value, vec![])
    }

    #[step]
    async fn look(&self, (number, list): &(u32, Vec<Self>)) {
        assert!(*number > 0 && list.is_empty());
    }

    #[step]
    async fn r#move(
        &self,
        (number, _): (u32, Vec<EveryForm>),
        cx: &StepContext,
    ) -> std::io::Result<Option<u32>> {
        assert_eq!(cx.step(), "move");
        Ok(Some(number))
    }

    #[step]
    async fn after(&self) -> anyhow::Result<()> {
        self.saw("after");
        Ok(())
    }
}

fn every_form() -> EveryForm {
    EveryForm {
        seen: Mutex::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn every_form_of_step() {
    assert_eq!(run(every_form(), "42").await.unwrap(), Some(42));
    let error = run(every_form(), "x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "parse: invalid digit found in string (1 attempt)"
    );
    let error = run(every_form(), "13").await.unwrap_err();
    assert_eq!(error.step(), "rest_by");

    let names: Vec<_> = EveryForm::STEPS.iter().map(StepInfo::name).collect();
    assert_eq!(names[8], "move");
    assert_eq!(EveryForm::STEPS[4].takes(), "u32");
}

struct NoInput;

#[blueprint]
impl NoInput {
    #[step]
    async fn only(&self) {}
}

struct FromNothing;

#[blueprint]
impl FromNothing {
    #[step]
    async fn make(&self, (): ()) -> u8 {
        7
    }

    #[delay]
    fn at_the_end(&self) -> Duration {
        Duration::from_secs(9)
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_without_values_has_unit() {
    let () = run(NoInput, ()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_last_delay_is_waited_for() {
    let began = Instant::now();
    assert_eq!(run(FromNothing, ()).await.unwrap(), 7);
    assert!(began.elapsed() >= Duration::from_secs(9));
}

struct Renamed;

#[blueprint(crate = ::orchestrator)]
impl Renamed {
    #[step]
    async fn only(&self, value: u8) -> u8 {
        value + 1
    }
}

#[tokio::test]
async fn the_runtime_crate_can_be_named() {
    assert_eq!(run(Renamed, 1).await.unwrap(), 2);
}

enum Either {
    Left,
    Right,
}

#[blueprint]
impl Either {
    #[step]
    async fn side(&self, (): ()) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

#[tokio::test]
async fn an_enum_is_a_blueprint_too() {
    assert_eq!(run(Either::Left, ()).await.unwrap(), "left");
    assert_eq!(run(Either::Right, ()).await.unwrap(), "right");
}

/// Its steps are named like what is generated or called.
struct NamedAlike;

#[blueprint]
impl NamedAlike {
    #[step]
    async fn start(&self, _: u8) -> anyhow::Result<u16> {
        Ok(1)
    }

    #[step]
    async fn advance(&self, _: u16) -> anyhow::Result<u32> {
        Ok(2)
    }

    #[step]
    async fn feed(&self, _: u32) -> anyhow::Result<u64> {
        Ok(3)
    }

    #[delay]
    fn position(&self, _: &u64) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_may_be_named_like_anything() {
    assert_eq!(run(NamedAlike, 0).await.unwrap(), 3);
}

#[tokio::test]
async fn a_blueprint_may_stand_in_a_fn() {
    struct Local(u8);
    struct Payload(u8);

    #[blueprint]
    impl Local {
        #[step]
        async fn add(&self, payload: Payload) -> u8 {
            self.0 + payload.0
        }
    }

    assert_eq!(run(Local(1), Payload(2)).await.unwrap(), 3);
}

/// An inner `Result` is a value: the outer one says how the step fails.
struct Verdicts;

type Verdict = Result<u8, String>;

#[blueprint]
impl Verdicts {
    #[step]
    async fn judge(&self, value: u8) -> anyhow::Result<Verdict> {
        Ok(if value > 9 {
            Err("too much".into())
        } else {
            Ok(value)
        })
    }

    #[step]
    async fn note(&self, _: &Verdict) {}
}

#[tokio::test]
async fn a_result_in_a_result_is_a_value() {
    assert_eq!(run(Verdicts, 10).await.unwrap(), Err("too much".into()));
}
