//! Blocks of every form.

use super::{errors, tokens};

/// The name, the attribute's arguments and the block.
pub(super) const EXAMPLES: [(&str, &str, &str); 9] = [
    (
        "by_value_and_by_reference",
        "",
        "impl Shop {
            /// Prices it.
            #[step]
            pub async fn price(&self, order: Order) -> Priced { body_one }
            #[step]
            async fn look(&self, priced: &Priced) { body_two }
            #[step]
            async fn nothing(&self) { body_three }
        }",
    ),
    (
        "errors_and_context",
        "",
        "impl Shop {
            #[step]
            async fn charge(&self, order: Order, cx: &StepContext) -> anyhow::Result<Receipt> { body_one }
            #[step]
            async fn print(&self, receipt: &Receipt) -> Result<(), Jam> { body_two }
        }",
    ),
    (
        "timeout_and_retry",
        "",
        "impl Shop {
            #[step(timeout = \"1s\")]
            async fn quick(&self, order: Order) -> Order { body_one }
            #[step(timeout = self.limit, retry(times = self.times, backoff = \"10ms\", max = \"1s\", when = |e: &E<A, B>| e.x()))]
            async fn charge(&self, order: Order) -> Result<Receipt, E<A, B>> { body_two }
            #[step(retry = 2)]
            async fn print(&self, receipt: &Receipt) -> std::io::Result<()> { body_three }
        }",
    ),
    (
        "delays",
        "",
        "impl Shop {
            #[delay]
            fn rest(&self) -> Duration { body_one }
            #[delay]
            async fn settle(&self, order: &Order) -> Result<Duration, E> { body_two }
        }",
    ),
    (
        "early_exit",
        "",
        "impl Shop {
            #[step]
            async fn check(&self, order: &Order) -> ControlFlow<Receipt> { body_one }
            #[step]
            async fn charge(&self, order: Order) -> Result<ControlFlow<Receipt, Paid>, E> { body_two }
            #[step]
            async fn print(&self, paid: Paid) -> Receipt { body_three }
        }",
    ),
    (
        "bounds_and_names",
        "name = \"shop.v1\"",
        "impl Shop {
            #[step(limit = 3, rate = \"100/s\", name = \"charge-card\")]
            async fn charge(&self, order: Order) -> Receipt { body_one }
            #[step(limit = self.printers, rate = self.rate)]
            async fn print(&self, receipt: &Receipt) { body_two }
            #[delay(name = \"rest\")]
            fn pause(&self) -> Duration { body_three }
        }",
    ),
    (
        "generics",
        "",
        "#[allow(dead_code)]
        impl<T: Send, const N: usize> Process<T, N> where T: Sync {
            const LIMIT: u8 = 3;
            #[step]
            async fn fetch(&self, order: Order<{ N + 1 }>) -> anyhow::Result<Vec<Self>> { body_one }
            fn helper() -> [u8; 2] { body_two }
            #[step]
            async fn look(&self, _: &Vec<Self>) { body_three }
        }",
    ),
    (
        "another_path",
        "crate = crate::runtime",
        "impl Shop {
            #[step(timeout = \"1s\")]
            async fn charge(&self, order: Order) -> Receipt { body_one }
        }",
    ),
    (
        "conditional",
        "",
        "impl Shop {
            #[cfg(unix)]
            #[step(timeout = \"1s\")]
            async fn load(&self, order: Order) -> Page { body_one }
            #[cfg(not(unix))]
            #[step]
            async fn load(&self, order: Order) -> Page { body_two }
            #[cfg_attr(unix, step(retry = 1), inline)]
            async fn look(&self, page: &Page) -> Result<(), E> { body_three }
        }",
    ),
];

#[test]
fn they_are_free_of_errors() {
    for (name, arguments, block) in EXAMPLES {
        // A conditional block has no pipeline yet, and two fns of one name are an error of the user's.
        if name != "conditional" {
            assert_eq!(errors(tokens(arguments), tokens(block)), [""; 0], "{name}");
        }
    }
}
