//! A relay on this machine that serves the demo site, with a plug that the page can pull.

pub(crate) mod mains;
mod plug;
mod request;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;

use crate::failure::Failure;
use crate::profile::Profile;
use crate::relay;
use crate::site;
use crate::workspace::Workspace;
use mains::{Mains, Said};
use plug::Plug;

/// Where the demo listens unless told otherwise.
pub(crate) const PORT_DEFAULT: u16 = 8080;

/// What the command line says.
pub(crate) struct Options {
    /// On 127.0.0.1.
    pub(crate) port: u16,
    /// How it is built.
    pub(crate) profile: Profile,
    /// Where the relay keeps what it has; none for `target/demo`.
    pub(crate) data: Option<PathBuf>,
    /// A relay program that was built before.
    pub(crate) program: Option<PathBuf>,
}

/// Why the demo ends.
enum End {
    /// Somebody asked for it.
    Asked,
    /// The relay went away, and nobody had pulled the plug.
    Gone,
}

/// Builds everything and runs the relay until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Result<(), Failure> {
    let program = match options.program {
        Some(program) => program,
        None => {
            site::run(workspace, options.profile)?;
            relay::build(workspace, options.profile)?
        }
    };
    let data = options.data.unwrap_or_else(|| workspace.target().join("demo"));
    let (ends, ended) = mpsc::channel();
    // Before the relay, so that no Ctrl-C leaves it alone.
    on_signal(ends.clone())?;
    let mains = Arc::new(Mains::new(vec![program.into()], data, options.port, move || drop(ends.send(End::Gone))));
    let said = mains.put_in()?;
    let plug = Plug::open(Arc::clone(&mains), said.port)?;
    println!("{}", table(&said, &plug));
    print!("{}", said.lines);
    let end = ended.recv();
    mains.stop();
    match end {
        Ok(End::Gone) => Err(Failure::new("The relay ended by itself: read its message above.")),
        Ok(End::Asked) | Err(_) => Ok(()),
    }
}

/// The link of the page that shows everything in a minute, with what only this person may have.
fn table(said: &Said, plug: &Plug) -> String {
    let invite = said.invite.as_ref().map_or_else(String::new, |invite| format!("&{invite}"));
    let page = format!("http://localhost:{}/table/", said.port);
    format!(
        "table    {page}#plug={}{invite}\n         Open that in your browser: a shared album, and a plug to pull.",
        plug.fragment()
    )
}

/// What ends a program at a terminal ends the relay first.
#[cfg(unix)]
fn on_signal(ends: mpsc::Sender<End>) -> Result<(), Failure> {
    use crate::failure::OrFail;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).or_fail(|| "listen for Ctrl-C".to_owned())?;
    std::thread::spawn(move || {
        for _ in &mut signals {
            drop(ends.send(End::Asked));
        }
    });
    Ok(())
}

/// Elsewhere Ctrl-C ends both at once.
#[cfg(not(unix))]
fn on_signal(ends: mpsc::Sender<End>) -> Result<(), Failure> {
    std::mem::forget(ends);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_link_has_the_plug_before_the_invite_and_stands_without_one() {
        let plug = Plug::named(7, "0123456789abcdef0123456789abcdef");
        let mut said = Said { port: 8080, invite: Some("mimei:invite?r=x%23y".to_owned()), lines: String::new() };
        let link = |said: &Said| table(said, &plug).split_whitespace().nth(1).unwrap().to_owned();
        let bare = "http://localhost:8080/table/#plug=7-0123456789abcdef0123456789abcdef";
        assert_eq!(link(&said), format!("{bare}&mimei:invite?r=x%23y"));
        said.invite = None;
        assert_eq!(link(&said), bare);
    }
}
