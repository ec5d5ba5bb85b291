//! Input and output are as visible as the blueprint.

use orchestrator::blueprint;

pub mod shop {
    use orchestrator::blueprint;

    pub struct Shop;
    struct Order;
    struct Draft;
    struct Receipt;

    #[blueprint]
    impl Shop {
        #[step]
        async fn draft(&self, _: Order) -> Draft {
            Draft
        }

        #[step]
        async fn charge(&self, _: Draft) -> Receipt {
            Receipt
        }
    }
}

struct P;

#[blueprint]
impl P {
    #[step]
    async fn fine(&self) {}
}

fn main() {}
