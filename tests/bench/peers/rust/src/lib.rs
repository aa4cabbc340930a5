//! What a peer prints; see ../../README.md.

use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::time::Instant;

/// The times of the changes that the library reported.
#[derive(Default)]
pub struct Peer(Mutex<Vec<i64>>);

impl Peer {
    /// Records a change.
    pub fn seen(&self) {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        self.0.lock().unwrap().push(now.tv_sec * 1_000_000_000 + now.tv_nsec);
    }

    /// Prints "ready", waits for the end of standard input and prints the events and the state.
    pub fn run(&self, state: impl FnOnce() -> Vec<String>) -> io::Result<()> {
        println!("ready");
        io::stdin().read_to_end(&mut Vec::new())?;
        let mut out = io::BufWriter::new(io::stdout());
        for at in self.0.lock().unwrap().iter() {
            writeln!(out, "event {at}")?;
        }
        writeln!(out, "state {}", state().join(" "))?;
        out.flush()
    }
}

/// Measures a one-shot read and prints "first MS" and "warm MS", the median of 100.
pub fn print_reads(mut first: f64, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    if times.is_empty() {
        times.push(first);
    }
    first = first.max(0.0);
    println!("first {first}\nwarm {}", times[times.len() / 2]);
}

/// Milliseconds since then.
pub fn ms_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
