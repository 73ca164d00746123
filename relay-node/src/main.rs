//! `mimei`: run a relay, invite people to it, or share files through one.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use relay_node::cli::{self, Add, Get, Join, Show, Unshare, Wallet};
use relay_node::config::{Config, DataFlag, EXAMPLE, Flags, SETTINGS};
use relay_node::control::{self, Block, Credit, Invite, Reply, Request, STDOUT};
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
    /// Use an invite: the relay keeps and serves for you from then on
    Join(Join),
    /// Show what you may use and what you owe
    Wallet(Wallet),
    /// At your relay: print an invite, as a link and as a QR code
    Invite(InviteLine),
    /// At your relay: see accounts, raise lines, settle debts
    Credit(CreditLine),
    /// At your relay: stop serving a MiMei, a user or a block
    Block(BlockLine),
}

#[derive(Args)]
struct InviteLine {
    #[command(flatten)]
    invite: Invite,
    /// Print a QR code also where no terminal is
    #[arg(long, conflicts_with = "no_qr")]
    qr: bool,
    /// Print no QR code
    #[arg(long)]
    no_qr: bool,
    #[command(flatten)]
    data: DataFlag,
}

#[derive(Args)]
struct CreditLine {
    #[command(flatten)]
    credit: Credit,
    #[command(flatten)]
    data: DataFlag,
}

#[derive(Args)]
struct BlockLine {
    #[command(flatten)]
    block: Block,
    #[command(flatten)]
    data: DataFlag,
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
        Command::Join(args) => cli::join(&args).await.map(|text| print!("{text}")),
        Command::Wallet(args) => cli::wallet(&args).await.map(|text| print!("{text}")),
        Command::Invite(line) => invite(line).await,
        Command::Credit(line) => credit(line).await,
        Command::Block(line) => owner(line.data, Request::Block(line.block)).await.map(|reply| print(&reply.text)),
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

/// Prints a line. A relay goes on when nobody reads what it prints.
macro_rules! say {
    ($($part:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

async fn run(flags: Flags) -> Result<(), Failure> {
    let config = Config::load(flags)?;
    let settings = config.data.join(SETTINGS);
    let relay = Relay::start(config).await?;
    if !settings.exists() {
        std::fs::write(&settings, EXAMPLE)?;
    }
    say!("relay    {}", relay.user());
    say!("open     http://{}", relay.web_address());
    say!("address  {}", relay.address());
    if let Some(invite) = relay.first_invite().await {
        say!("yours    {invite}");
        say!("         Open that once in your browser: it makes your own account here.");
    }
    wait_for_the_end().await?;
    say!("stopping");
    relay.shutdown().await;
    Ok(())
}

async fn wait_for_the_end() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Has the relay of this machine do something for its owner.
async fn owner(data: DataFlag, request: Request) -> Result<Reply, Failure> {
    let config = Config::load(Flags { data, ..Flags::default() })?;
    Ok(control::ask(&config, request).await?)
}

/// Prints all of it, or as much as somebody reads.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn invite(line: InviteLine) -> Result<(), Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    let reply = owner(line.data, Request::Invite(line.invite)).await?;
    // The link first: it is all that is left of the invite.
    print(&reply.text);
    if let Some(link) = reply.link.filter(|_| line.qr || (is_terminal && !line.no_qr)) {
        print(&format!("\n{}", cli::qr_code(&link, is_terminal)?));
    }
    Ok(())
}

async fn credit(line: CreditLine) -> Result<(), Failure> {
    let file = line.credit.export.clone().filter(|file| file != Path::new(STDOUT));
    let mut new = file.map(create_export).transpose()?;
    let reply = owner(line.data, Request::Credit(line.credit)).await?;
    match &mut new {
        Some(file) => file.write_all(reply.text.as_bytes())?,
        None => print(&reply.text),
    }
    Ok(())
}

/// A file for what only the owner knows. One that is there stays as it is.
fn create_export(path: PathBuf) -> Result<std::fs::File, Failure> {
    let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    created.map_err(|error| format!("cannot make {}: {error}", path.display()).into())
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
