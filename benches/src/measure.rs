//! Pairs in the order ABBA, the median of their ratios, and the spread.

use std::time::Duration;

/// One figure: durations of ours and of the peer, taken in turns.
pub(crate) struct Figure {
    name: String,
    pairs: Vec<(Duration, Duration)>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), pairs: Vec::new() }
    }

    /// Whether ours goes first in the next pair: A B, then B A.
    pub(crate) fn ours_first(&self) -> bool {
        self.pairs.len().is_multiple_of(2)
    }

    pub(crate) fn push(&mut self, ours: Duration, peer: Duration) {
        self.pairs.push((ours, peer));
    }

    /// Prints the ratio of speeds (ours to the peer; above 1 is faster) and every sample.
    pub(crate) fn print(&self) {
        let mut ratios: Vec<f64> =
            self.pairs.iter().map(|(ours, peer)| peer.as_secs_f64() / ours.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let [low, median, high] = [0, ratios.len() / 2, ratios.len() - 1].map(|i| ratios[i]);
        println!("{:<58} {median:>6.2}x  ({low:.2} to {high:.2})", self.name);
        let samples: Vec<String> = self
            .pairs
            .iter()
            .map(|(ours, peer)| format!("{:.2}/{:.2}", ours.as_secs_f64() * 1e3, peer.as_secs_f64() * 1e3))
            .collect();
        println!("    ours/peer in ms: {}", samples.join(" "));
    }
}
