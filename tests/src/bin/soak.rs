//! Runs the simulator's stories and the fuzzer's targets over one seed after another for as long as asked.
//!
//! ```text
//! cargo run --profile soak -p tests --bin soak -- --minutes 10 --seed 1000
//! ```
//!
//! Ends with a summary and, if a story or a target failed, the seeds and a non-zero status. The profile
//! is the one that unwinds, which a summary after a failure needs, and checks for overflow.
#![forbid(unsafe_code)]

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tests::fuzz::{self, TARGETS, memory};
use tests::scenario::STORIES;
use tests::seeds::SEED;

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

/// Seeds named in the summary; more of them say nothing new.
const FAILURES_SHOWN_MAX: usize = 20;
/// Inputs for each target from one seed: what a seed found early is lost with it, so not too few.
const INPUTS: u64 = 20_000;
/// A target that is slower than others gets no longer, so that all of it stays a mixture.
const TARGET_TIME: Duration = Duration::from_secs(2);

struct Plan {
    minutes: f64,
    from: u64,
}

fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(message) => {
            eprintln!("{message}\nusage: soak [--minutes M] [--seed N]");
            return ExitCode::from(2);
        }
    };
    let date = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("soak of {}, {} minutes from seed {}", date_text(date), plan.minutes, plan.from);
    let end = Instant::now() + Duration::from_secs_f64(plan.minutes * 60.0);
    let mut failures = Vec::new();
    let mut seed = plan.from;
    while Instant::now() < end {
        for (name, story) in STORIES {
            if catch_unwind(|| story(seed)).is_err() {
                failures.push((seed, *name));
            }
        }
        for target in TARGETS {
            if catch_unwind(|| fuzz::run(target, seed, INPUTS, TARGET_TIME)).is_err() {
                failures.push((seed, target.name));
            }
        }
        seed = seed.wrapping_add(1);
    }
    report(plan.from, seed, &failures)
}

fn report(from: u64, to: u64, failures: &[(u64, &str)]) -> ExitCode {
    println!(
        "{} stories and {} decoders over {} seeds ({from} to {}), {} failed",
        STORIES.len(),
        TARGETS.len(),
        to.wrapping_sub(from),
        to.wrapping_sub(1),
        failures.len()
    );
    for (seed, name) in failures.iter().take(FAILURES_SHOWN_MAX) {
        println!("  \"{name}\" with {SEED}={seed}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(mut args: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan { minutes: 1.0, from: 0 };
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let bad = || format!("{name}: \"{value}\" is not a number that it takes");
        match name.as_str() {
            "--minutes" => {
                plan.minutes = value.parse().ok().filter(|m: &f64| *m >= 0.0 && *m <= 100_000.0).ok_or_else(bad)?;
            }
            "--seed" => plan.from = value.parse().map_err(|_| bad())?,
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    Ok(plan)
}

/// Year, month and day of a Unix time in UTC (Howard Hinnant's `civil_from_days`).
fn date_text(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
