//! `mimei`: run a relay, look at one, or share files through one.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use relay_node::cli::{self, Add, Get, Show, Unshare};
use relay_node::config::{Config, DataFlag, EXAMPLE, Flags, SETTINGS};
use relay_node::driver::now;
use relay_node::keys::Keys;
use relay_node::relay::Relay;
use relay_node::store::Store;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(name = "mimei", version, about = "Keep your data online, on your own machine")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a relay until Ctrl-C
    Run(Flags),
    /// Print this relay's user id and device
    Id(DataFlag),
    /// Add files to a MiMei and print a link to it
    Add(Add),
    /// Fetch what a link names
    Get(Get),
    /// Show what a MiMei is, its versions and its files
    Show(Show),
    /// Take back a link, or what everyone may do
    Unshare(Unshare),
}

type Failure = cli::Failure;

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    log();
    let result = match line.command {
        Command::Run(flags) => run(flags).await,
        Command::Id(data) => id(&data),
        Command::Add(args) => cli::add(&args).await.map(|link| println!("{link}")),
        Command::Get(args) => get(&args).await,
        Command::Show(args) => cli::show(&args).await.map(|text| print!("{text}")),
        Command::Unshare(args) => cli::unshare(&args).await.map(|text| println!("{text}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimei: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings by default; the crates below the data channels warn of things that are normal.
fn log() {
    let default = "warn,webrtc=error,rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error";
    let filter = EnvFilter::try_from_env("MIMEI_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

async fn run(flags: Flags) -> Result<(), Failure> {
    let config = Config::load(flags)?;
    let settings = config.data.join(SETTINGS);
    let relay = Relay::start(config).await?;
    if !settings.exists() {
        std::fs::write(&settings, EXAMPLE)?;
    }
    println!("relay    {}", relay.user());
    println!("open     http://{}", web_address(&relay));
    println!("address  {}", relay.address());
    wait_for_the_end().await?;
    println!("stopping");
    relay.shutdown().await;
    Ok(())
}

/// Browsers trust `localhost`, not every spelling of the loopback address.
fn web_address(relay: &Relay) -> String {
    let at = relay.http_at();
    if at.ip().is_loopback() { format!("localhost:{}", at.port()) } else { at.to_string() }
}

async fn wait_for_the_end() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

async fn get(args: &Get) -> Result<(), Failure> {
    for path in cli::get(args).await? {
        println!("{}", path.display());
    }
    Ok(())
}

fn id(flag: &DataFlag) -> Result<(), Failure> {
    let data = flag.directory()?;
    relay_node::keys::create_private(&data)?;
    // Until there are keys, the store's lock keeps a relay from making others beside ours.
    let _lock = if data.join("device.key").exists() { None } else { Some(Store::open(&data)?) };
    let keys = Keys::load_or_create(&data, now())?;
    println!("user    {}", keys.log.user());
    println!("device  {}", keys.device.keys().sign);
    Ok(())
}
