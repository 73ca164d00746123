//! From file, environment and flags to one checked configuration.
//!
//! A flag beats the environment, which beats the file, which beats the default.
//! The file is `mimei.toml` in the data directory; [`EXAMPLE`] is one with every
//! setting and its default, written there at the first start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use mimei_core::credit::Ratio;
use mimei_core::peer::{CreditPolicy, Terms};
use serde::Deserialize;

use crate::amounts::{self, AmountError};

/// A configuration file that says every default.
pub const EXAMPLE: &str = include_str!("../mimei.toml");

/// The settings' name in a relay's data directory; a person's has none.
pub const SETTINGS: &str = "mimei.toml";

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6464);
const SEND_BUFFER_KIB_DEFAULT: u32 = 64;
const STRANGERS_DEFAULT: &str = "1G";
/// Chromium drops candidates with lower ports, all but a few on public addresses.
const UDP_PORT_MIN: u16 = 1024;

/// Where everything of a relay lies, as flag or environment.
#[derive(Args, Clone, Debug, Default)]
pub struct DataFlag {
    /// Directory of keys, settings and data [default: ~/.mimei]
    #[arg(long, env = "MIMEI_DATA")]
    pub data: Option<PathBuf>,
}

impl DataFlag {
    /// The directory that flag, environment or the home directory name.
    pub fn directory(&self) -> Result<PathBuf, ConfigError> {
        let home = || std::env::home_dir().map(|home| home.join(".mimei"));
        self.data.clone().or_else(home).ok_or(ConfigError::NoDirectory)
    }
}

/// Where and how a relay runs, as flags or environment.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// Where it keeps everything.
    #[command(flatten)]
    pub data: DataFlag,
    /// Address and TCP port of the web server [default: 127.0.0.1:6464]
    #[arg(long, env = "MIMEI_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Address and UDP port of data channels; may be given several times [default: as --listen]
    #[arg(long, env = "MIMEI_RTC", value_delimiter = ',')]
    pub rtc: Vec<SocketAddr>,
    /// Address that browsers are told for data channels, if not that of --rtc; may be given several times
    #[arg(long, env = "MIMEI_ANNOUNCE", value_delimiter = ',')]
    pub announce: Vec<SocketAddr>,
    /// What whoever comes may move without an invite, such as 10G/month [default: nothing]
    #[arg(long, env = "MIMEI_WELCOME_TRAFFIC")]
    pub welcome_traffic: Option<String>,
    /// What whoever comes may keep here without an invite, such as 1G [default: nothing]
    #[arg(long, env = "MIMEI_WELCOME_SPACE")]
    pub welcome_space: Option<String>,
    /// What strangers may read in a day, all together [default: 1G]
    #[arg(long, env = "MIMEI_STRANGERS")]
    pub strangers: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct File {
    listen: Option<SocketAddr>,
    rtc: Vec<SocketAddr>,
    announce: Vec<SocketAddr>,
    send_buffer_kib: Option<u32>,
    welcome_traffic: Option<String>,
    welcome_space: Option<String>,
    strangers: Option<String>,
}

/// A checked configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Directory of keys, settings and data.
    pub data: PathBuf,
    /// Where the web server listens.
    pub listen: SocketAddr,
    /// Where data channels arrive: one socket for each.
    pub rtc: Vec<SocketAddr>,
    /// What browsers are told of that; empty: what `rtc` says.
    pub announce: Vec<SocketAddr>,
    /// Bytes that one data channel may have under way.
    pub send_buffer_bytes: u32,
    /// Whom it serves on credit.
    pub credit: CreditPolicy,
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// The file says something that is not understood.
    NotUnderstood(PathBuf, toml::de::Error),
    /// Neither `--data` nor a home directory.
    NoDirectory,
    /// A setting is out of its bounds.
    OutOfBounds(String),
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NotUnderstood(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoDirectory => f.write_str("no home directory; say where to keep data with --data <directory>"),
            Self::OutOfBounds(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the file and lays flags and environment over it.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let data = flags.data.directory()?;
        let file = read(&data.join(SETTINGS))?;
        let listen = flags.listen.or(file.listen).unwrap_or(LISTEN_DEFAULT);
        let rtc = first_given(flags.rtc, file.rtc).unwrap_or_else(|| vec![listen]);
        let announce = first_given(flags.announce, file.announce).unwrap_or_default();
        let send_buffer_kib = file.send_buffer_kib.unwrap_or(SEND_BUFFER_KIB_DEFAULT);
        if !(16..=16_384).contains(&send_buffer_kib) {
            return Err(ConfigError::OutOfBounds("send-buffer-kib must be between 16 and 16384".into()));
        }
        if let Some(low) = rtc.iter().chain(&announce).find(|at| at.port() != 0 && at.port() < UDP_PORT_MIN) {
            let message = format!(
                "browsers refuse data channels to UDP port {}; choose one from {UDP_PORT_MIN} on with --rtc",
                low.port()
            );
            return Err(ConfigError::OutOfBounds(message));
        }
        let credit = credit(
            flags.welcome_traffic.or(file.welcome_traffic),
            flags.welcome_space.or(file.welcome_space),
            flags.strangers.or(file.strangers),
        )?;
        Ok(Self { data, listen, rtc, announce, send_buffer_bytes: send_buffer_kib << 10, credit })
    }
}

fn credit(
    traffic: Option<String>,
    space: Option<String>,
    strangers: Option<String>,
) -> Result<CreditPolicy, ConfigError> {
    let wrong = |name: &str, error: AmountError| ConfigError::OutOfBounds(format!("{name}: {error}"));
    let (limit, renews) = match &traffic {
        Some(traffic) => amounts::traffic(traffic).map_err(|error| wrong("welcome-traffic", error))?,
        None => (0, None),
    };
    let space = match &space {
        Some(space) => amounts::bytes(space).map_err(|error| wrong("welcome-space", error))?,
        None => 0,
    };
    if (limit == 0) != (space == 0) {
        let message = "welcome-traffic and welcome-space go together: one alone keeps nothing";
        return Err(ConfigError::OutOfBounds(message.into()));
    }
    let welcome = (limit > 0).then_some(Terms { limit, space, until: None, renews });
    let strangers = strangers.as_deref().unwrap_or(STRANGERS_DEFAULT);
    let strangers = amounts::bytes(strangers).map_err(|error| wrong("strangers", error))?;
    Ok(CreditPolicy { welcome, strangers, traffic: Ratio::ONE })
}

fn read(path: &Path) -> Result<File, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| ConfigError::NotUnderstood(path.to_owned(), error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(ConfigError::Unreadable(path.to_owned(), error)),
    }
}

fn first_given(flags: Vec<SocketAddr>, file: Vec<SocketAddr>) -> Option<Vec<SocketAddr>> {
    [flags, file].into_iter().find(|given| !given.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, flags: Flags) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("mimei.toml"), file).unwrap();
        let data = DataFlag { data: Some(directory.path().to_owned()) };
        Config::load(Flags { data, ..flags })
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        let (example, empty) = (load(EXAMPLE, Flags::default()).unwrap(), load("", Flags::default()).unwrap());
        assert_eq!(
            (example.listen, example.rtc, example.send_buffer_bytes, example.credit),
            (empty.listen, empty.rtc, empty.send_buffer_bytes, empty.credit)
        );
    }

    #[test]
    fn a_commented_out_setting_of_the_example_is_understood() {
        let all: String =
            EXAMPLE.lines().map(|line| line.strip_prefix("#! ").unwrap_or(line).to_owned() + "\n").collect();
        assert!(load(&all, Flags::default()).is_ok(), "{all}");
    }

    #[test]
    fn a_flag_beats_the_file() {
        let flags = Flags { listen: Some("127.0.0.1:7000".parse().unwrap()), ..Flags::default() };
        let config = load("listen = \"127.0.0.1:8000\"", flags).unwrap();
        assert_eq!(config.listen.port(), 7000);
        assert_eq!(config.rtc, [config.listen], "data channels follow the web server");
    }

    #[test]
    fn a_welcome_is_traffic_and_space() {
        let file = "welcome-traffic = \"10G/month\"\nwelcome-space = \"1G\"";
        let welcome = load(file, Flags::default()).unwrap().credit.welcome.unwrap();
        assert_eq!((welcome.limit, welcome.space), (10_000_000_000, 1_000_000_000));
        assert!(load("welcome-traffic = \"10G\"", Flags::default()).is_err(), "nothing could be kept");
        let flags = Flags { welcome_traffic: Some("20G".into()), ..Flags::default() };
        let both = load(file, flags).unwrap().credit.welcome.unwrap();
        assert_eq!((both.limit, both.space), (20_000_000_000, 1_000_000_000), "a flag beats its own setting alone");
        let error = load("strangers = \"many\"", Flags::default()).unwrap_err().to_string();
        assert!(error.contains("strangers") && error.contains("no size"), "{error}");
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error = load("lisen = \"127.0.0.1:8000\"", Flags::default()).unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    #[test]
    fn a_udp_port_that_browsers_refuse_is_refused() {
        assert!(load("rtc = [\"127.0.0.1:443\"]", Flags::default()).is_err());
    }
}
