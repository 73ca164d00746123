//! A small mutation fuzzer: hostile bytes for every decoder, the same for the same seed.
//!
//! It starts from what the code writes and what the vectors hold, changes that, and keeps what got
//! further than others did: what decodes, and what is refused at a place or for a reason not seen
//! before. Of each input it demands that the decoder does not panic, does not hang, takes memory in
//! proportion to the input, and writes what it read as the same bytes again.
//!
//! | module | what it is |
//! |---|---|
//! | `mutate` | how inputs are changed |
//! | [`memory`] | an allocator that counts |
//! | `corpus` | what to start from |
//! | `nodes`, `sessions` | decoders that need more than bytes |
//! | `targets` | the decoders |

pub mod memory;

mod corpus;
mod mutate;
mod nodes;
mod sessions;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;

use crate::random::Random;
pub use targets::TARGETS;

/// Inputs that are kept beside the corpus: enough to go on from, few enough that each gets its turn.
const KEPT_MAX: usize = 512;
/// Outcomes that are told apart; behind it nothing counts as new any more.
const OUTCOMES_MAX: usize = 1 << 16;
/// What a decoder may have allocated at once for each byte of input. An element of one byte, say an empty
/// string, is 24 bytes in memory, and a growing vector holds itself three times while it moves.
const MEMORY_PER_BYTE: usize = 96;
/// What it may have allocated beside that: states of ciphers, texts of errors.
const MEMORY_FIXED: usize = 64 << 10;
/// An input that takes longer hangs, even on a machine that does other things.
const INPUT_TIME_MAX: Duration = Duration::from_secs(20);

/// What the bytes of what was read must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The input: there is one encoding.
    One,
    /// Not always the input, but what was written reads as what it was written from.
    Settles,
}

/// Reads bytes and writes what it read, or says why it refused them.
pub type Read = fn(&[u8]) -> Result<Vec<u8>, String>;

/// A decoder under test.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What to start from.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// The decoder.
    pub read: Read,
    /// What holds of what it wrote.
    pub form: Form,
}

/// What came of a run.
#[derive(Clone, Copy, Default, Debug)]
pub struct Report {
    /// Inputs that were tried.
    pub inputs: u64,
    /// Those that were read.
    pub read: u64,
    /// Ways in which inputs were read or refused.
    pub outcomes: usize,
}

/// Runs a target over `inputs` inputs, or for as long as `time` says if that ends first.
///
/// # Panics
/// If an input breaks a rule, with the seed and the input as hex.
pub fn run(target: &'static Target, seed: u64, inputs: u64, time: Duration) -> Report {
    let now = Arc::new((AtomicU64::new(0), Mutex::new(Vec::new())));
    let (done, finished) = sync_channel(1);
    let worker = now.clone();
    std::thread::spawn(move || {
        let found = Fuzz::new(target, seed).run(inputs, time, |count, input| {
            worker.1.lock().unwrap_or_else(PoisonError::into_inner).clone_from(input);
            worker.0.store(count, Ordering::Relaxed);
        });
        // Nobody waits for a run that was given up.
        let _ = done.send(found);
    });
    let mut seen = 0;
    loop {
        match finished.recv_timeout(INPUT_TIME_MAX) {
            Ok(Ok(report)) => return report,
            Ok(Err((input, why))) => fail(target, seed, &input, &why),
            Err(RecvTimeoutError::Disconnected) => fail(target, seed, &[], "the corpus cannot be made"),
            Err(RecvTimeoutError::Timeout) if now.0.load(Ordering::Relaxed) == seen => {
                let input = now.1.lock().unwrap_or_else(PoisonError::into_inner).clone();
                fail(target, seed, &input, "it does not end");
            }
            Err(RecvTimeoutError::Timeout) => seen = now.0.load(Ordering::Relaxed),
        }
    }
}

/// Tries one input.
///
/// # Errors
/// Which rule it broke.
pub fn try_one(target: &Target, input: &[u8]) -> Result<Result<Vec<u8>, String>, String> {
    let read = || catch_unwind(AssertUnwindSafe(|| (target.read)(input))).map_err(|_| "it panicked".to_owned());
    let (outcome, peak) = memory::peak_of(read);
    let outcome = outcome?;
    if peak > MEMORY_FIXED + MEMORY_PER_BYTE * input.len() {
        return Err(format!("it took {peak} bytes of memory for {} of input", input.len()));
    }
    if let Ok(written) = &outcome {
        match target.form {
            Form::One if written != input => return Err(format!("it wrote {}", HEXLOWER.encode(written))),
            Form::Settles if (target.read)(written).as_ref() != Ok(written) => {
                return Err(format!("what it wrote does not read as itself: {}", HEXLOWER.encode(written)));
            }
            _ => {}
        }
    }
    Ok(outcome)
}

fn fail(target: &Target, seed: u64, input: &[u8], why: &str) -> ! {
    let hex = HEXLOWER.encode(input);
    panic!("fuzzing {} from seed {seed}: {why}; the input, in hex: {hex}", target.name);
}

struct Fuzz {
    target: &'static Target,
    random: Random,
    corpus: Vec<Vec<u8>>,
    kept: Vec<Vec<u8>>,
    outcomes: BTreeSet<String>,
    report: Report,
}

type Found = Result<Report, (Vec<u8>, String)>;

impl Fuzz {
    fn new(target: &'static Target, seed: u64) -> Self {
        let random = Random::new(seed);
        let (kept, outcomes, report) = (Vec::new(), BTreeSet::new(), Report::default());
        Self { target, random, corpus: (target.corpus)(), kept, outcomes, report }
    }

    fn run(&mut self, inputs: u64, time: Duration, begins: impl Fn(u64, &Vec<u8>)) -> Found {
        let end = Instant::now() + time;
        for count in 1..=inputs {
            let input = match self.corpus.get(count as usize - 1) {
                Some(input) => input.clone(),
                None => self.next(),
            };
            begins(count, &input);
            match try_one(self.target, &input) {
                Ok(outcome) => self.judge(input, outcome),
                Err(why) => return Err((input, why)),
            }
            if Instant::now() >= end {
                break;
            }
        }
        self.report.outcomes = self.outcomes.len();
        Ok(self.report)
    }

    fn next(&mut self) -> Vec<u8> {
        let from_kept = !self.kept.is_empty() && self.random.chance(500_000);
        let pool = if from_kept { &self.kept } else { &self.corpus };
        let (input, other) = (self.random.pick(pool).clone(), self.random.pick(&self.corpus).clone());
        mutate::mutated(input, &other, &mut self.random)
    }

    fn judge(&mut self, input: Vec<u8>, outcome: Result<Vec<u8>, String>) {
        self.report.inputs += 1;
        self.report.read += u64::from(outcome.is_ok());
        // Lengths in steps, so that what decodes is kept in all sizes without being all that is kept.
        let outcome = outcome.map_or_else(|why| why, |_| format!("read {}", input.len() / 16));
        if self.outcomes.len() < OUTCOMES_MAX && self.outcomes.insert(outcome) {
            if self.kept.len() < KEPT_MAX {
                self.kept.push(input);
            } else {
                let at = self.random.within(0..KEPT_MAX as u64) as usize;
                self.kept[at] = input;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<Vec<u8>> {
        vec![b"a long enough beginning".to_vec()]
    }

    const GOOD: Target = Target { name: "good", corpus: bytes, read: |input| Ok(input.to_vec()), form: Form::One };
    const PANICS: Target =
        Target { name: "panics", read: |input| Ok(vec![input[3]; input.len()]), form: Form::Settles, ..GOOD };
    const FORGETS: Target =
        Target { name: "forgets", read: |input| Ok(input.iter().map(|byte| byte & 0x7f).collect()), ..GOOD };

    fn faulty(target: &'static Target) -> String {
        let run = catch_unwind(|| run(target, 1, 20_000, Duration::from_secs(60)));
        *run.expect_err("the fault is found").downcast::<String>().expect("a text")
    }

    #[test]
    fn a_decoder_that_panics_is_found() {
        assert!(faulty(&PANICS).contains("it panicked"));
    }

    #[test]
    fn a_second_encoding_is_found() {
        let said = faulty(&FORGETS);
        assert!(said.contains("from seed 1: it wrote"), "{said}");
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let inputs = |seed| {
            let mut fuzz = Fuzz::new(&GOOD, seed);
            (0..1000).map(|_| fuzz.next()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
