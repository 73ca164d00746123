//! The cargo profiles in which the client and the relay are built.

/// How much to optimise the client and the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What the tests use, so that they build everything below the relay once.
    Dev,
    /// Near release speed, quick to link: the demo.
    Quick,
    /// What is measured, and the package for npm.
    Release,
    /// The relay as it is handed on: smaller.
    Dist,
}

impl Profile {
    /// From the `--release` flag of a chore.
    pub(crate) fn from_flag(release: bool) -> Self {
        if release { Self::Release } else { Self::Quick }
    }

    /// Cargo's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Quick => "quick",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    /// Its folder below the target directory.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Quick | Self::Release | Self::Dist => self.name(),
        }
    }
}
