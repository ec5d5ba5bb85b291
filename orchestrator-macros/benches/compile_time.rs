//! What blueprints cost to compile: `cargo build` of a crate that defines 100 of them, of 5 steps each,
//! beside one that calls the same 500 async fns from 100 plain async fns; and of one that runs them.
//!
//! Each time is that of the whole command, with all dependencies built and nothing of the crate itself:
//! the least of five.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const COUNT: usize = 100;
const TIMES: usize = 5;

/// What the crate does with its steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Calls them in a plain async fn.
    Plain,
    /// Defines blueprints.
    Defined,
    /// Defines blueprints and runs them.
    Run,
}

fn main() {
    let plain = Crate::write("plain", Form::Plain, COUNT);
    let defined = Crate::write("defined", Form::Defined, COUNT);
    let (few, many) = (10_u8, 20_u8);
    let runs_few = Crate::write("runs_few", Form::Run, few.into());
    let runs_many = Crate::write("runs_many", Form::Run, many.into());
    let defines_few = Crate::write("defines_few", Form::Defined, few.into());
    let defines_many = Crate::write("defines_many", Form::Defined, many.into());
    let crates = [
        plain,
        defined,
        runs_few,
        runs_many,
        defines_few,
        defines_many,
    ];
    for krate in &crates {
        krate.build();
    }
    let mut least = [Duration::MAX; 6];
    for _ in 0..TIMES {
        for (krate, least) in crates.iter().zip(&mut least) {
            *least = krate.build_anew().min(*least);
        }
    }
    let [
        plain,
        defined,
        runs_few,
        runs_many,
        defines_few,
        defines_many,
    ] = least.map(|time| time.as_secs_f64());
    println!("{COUNT} plain async fns of 5 steps   {plain:.2} s");
    println!("{COUNT} blueprints of 5 steps        {defined:.2} s");
    println!("ratio                           {:.2}", defined / plain);
    let share = (runs_many - runs_few) - (defines_many - defines_few);
    let each = share / f64::from(many - few);
    println!("each that is also run            {:.0} ms", each * 1_000.0);
}

/// A crate outside of the workspace that depends on it.
struct Crate {
    name: &'static str,
    folder: PathBuf,
}

impl Crate {
    fn write(name: &'static str, form: Form, count: usize) -> Self {
        let macros = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = macros.parent().expect("the workspace is around the crate");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("compile_time")
            .join(name);
        fs::create_dir_all(folder.join("src")).expect("the target folder can be written");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\nanyhow = \"1\"\norchestrator = {{ path = '{}' }}\n\
             tokio = {{ version = \"1\", features = [\"rt\", \"time\"] }}\n[workspace]\n",
            workspace.join("orchestrator").display(),
        );
        fs::write(folder.join("Cargo.toml"), manifest).expect("the manifest can be written");
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))
            .expect("the versions can be copied");
        let (file, other) = match form {
            Form::Run => ("main.rs", "lib.rs"),
            Form::Plain | Form::Defined => ("lib.rs", "main.rs"),
        };
        let _ = fs::remove_file(folder.join("src").join(other));
        fs::write(folder.join("src").join(file), source(form, count)).expect("it can be written");
        Self { name, folder }
    }

    fn build(&self) {
        self.cargo(&["build", "--quiet"]);
    }

    fn build_anew(&self) -> Duration {
        self.cargo(&["clean", "--quiet", "--package", self.name]);
        let begin = Instant::now();
        self.build();
        begin.elapsed()
    }

    fn cargo(&self, arguments: &[&str]) {
        let target = self.folder.with_file_name("target");
        let status = Command::new(env!("CARGO"))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", target)
            .args(arguments)
            .status()
            .expect("cargo can be run");
        assert!(status.success(), "cargo {arguments:?} of {}", self.name);
    }
}

fn source(form: Form, count: usize) -> String {
    let mut source = "#![allow(dead_code)]\nuse std::time::Duration;\n".to_owned();
    for index in 0..count {
        write_blueprint(&mut source, form, index).expect("a string takes all");
    }
    if form == Form::Run {
        source.push_str("fn main() {\n");
        source.push_str("    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();\n");
        for index in 0..count {
            writeln!(source, "    runtime.block_on(run{index}());").expect("a string takes all");
        }
        source.push_str("}\n");
    }
    source
}

fn write_blueprint(source: &mut String, form: Form, index: usize) -> std::fmt::Result {
    let mark = |mark| if form == Form::Plain { "" } else { mark };
    write!(
        source,
        "
pub struct Order{index}(pub u32);
pub struct Fetched{index}(pub String);
pub struct Priced{index}(pub u64);
pub struct P{index} {{ pub delay: Duration }}

{blueprint}
impl P{index} {{
    /// Checks.
    {checked}
    pub async fn check(&self, order: &Order{index}) -> anyhow::Result<()> {{
        anyhow::ensure!(order.0 != 0, \"nothing ordered\");
        Ok(())
    }}
    /// Fetches.
    {step}
    pub async fn fetch(&self, order: Order{index}) -> anyhow::Result<Fetched{index}> {{
        Ok(Fetched{index}(order.0.to_string()))
    }}
    /// Prices.
    {step}
    pub async fn price(&self, fetched: Fetched{index}) -> Priced{index} {{
        Priced{index}(fetched.0.len() as u64)
    }}
    /// Waits.
    {delay}
    pub async fn wait(&self, _: &Priced{index}) -> Duration {{
        self.delay
    }}
    /// Tells.
    {step}
    pub async fn tell(&self, priced: &Priced{index}) -> anyhow::Result<()> {{
        anyhow::ensure!(priced.0 != 0, \"no price\");
        Ok(())
    }}
}}
",
        blueprint = mark("#[orchestrator::blueprint]"),
        checked = mark("#[step(timeout = \"10s\", retry(times = 2, backoff = \"200ms\"))]"),
        step = mark("#[step]"),
        delay = mark("#[delay]"),
    )?;
    match form {
        Form::Defined => Ok(()),
        Form::Plain => write!(
            source,
            "
impl P{index} {{
    pub async fn run(&self, order: Order{index}) -> anyhow::Result<Priced{index}> {{
        self.check(&order).await?;
        let fetched = self.fetch(order).await?;
        let priced = self.price(fetched).await;
        tokio::time::sleep(self.wait(&priced).await).await;
        self.tell(&priced).await?;
        Ok(priced)
    }}
}}
"
        ),
        Form::Run => write!(
            source,
            "
async fn run{index}() {{
    let blueprint = P{index} {{ delay: Duration::ZERO }};
    let tasks = [orchestrator::Task::new(1, Order{index}(1))];
    let results = orchestrator::Orchestrator::new(blueprint).execute_tasks(tasks).await.unwrap();
    assert!(results[0].outcome.is_ok());
}}
"
        ),
    }
}
