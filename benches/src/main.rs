//! `cargo xtask bench [names]`: each figure is the ratio of ours to a named peer,
//! both measured in this run. Times are printed for orientation alone.

mod commits;
mod measure;
mod session;

use clap::Parser;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(about = "Ours against a named peer, side by side in one run")]
struct Line {
    /// Which to run [default: all]: session, commits
    names: Vec<String>,
    /// Pairs of measurements for each figure
    #[arg(long, default_value_t = 7)]
    pairs: usize,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let line = Line::parse();
    let wanted = |name: &str| line.names.is_empty() || line.names.iter().any(|given| given == name);
    if wanted("session") {
        session::run(line.pairs).await?;
    }
    if wanted("commits") {
        commits::run(line.pairs)?;
    }
    Ok(())
}
