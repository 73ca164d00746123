//! The secrets with which a peer reads and writes MiMeis.
//!
//! A driver makes it from what it keeps, the peer uses it and never reads a
//! secret out of it. It works at once, unlike the other effects of a peer: no
//! browser offers BLAKE3 or XChaCha20 of its own, and a map names its nodes by
//! their sealed bytes while it is being written.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::cbor::Cbor;
use crate::cid::{AccessId, Cid, MimeiId, UserId};
use crate::link::LinkSecret;
use crate::map::{OpenBlock, Salt};
use crate::mimei::{
    AccessChain, AccessRecord, AccessView, App, Audience, EpochKeys, Genesis, KeyHistory, KeysError, LinkProof,
    NameError, NewEpoch, Right, Who, keyed_name, open_epoch, open_history,
};
use crate::seal::{
    BlockError, BlockToSeal, Epoch, EpochKey, Keyring, MapSalt, OpenBlockError, StoredBlock, blob_salt,
    first_epoch_key, private_salt, public_salt,
};
use crate::secret::{DataSecrets, SealSecret, seal_key_of};
use crate::seeded::Seed;
use crate::sign::{Domain, SignKey, Signature};
use crate::wire::Exercise;

/// Whether what was saved first is not sealed: keys come later, if at all, and never go again.
fn is_created_public(chain: &AccessChain, view: &AccessView) -> bool {
    let first = view.path().first().and_then(|id| chain.get(id));
    first.is_some_and(|first| first.body.keys.is_none())
}

const CONTEXT_LINK_WRAP: &str = "mimei/link-wrap/1";

/// The secrets with which a peer reads and writes MiMeis.
pub struct Vault {
    user: UserId,
    name_secret: Zeroizing<[u8; 32]>,
    seals: Vec<SealSecret>,
    rings: BTreeMap<MimeiId, Ring>,
    links: BTreeMap<MimeiId, LinkSecret>,
}

/// What opens one MiMei.
struct Ring {
    keyring: Keyring,
    /// In which epoch new blocks are sealed; none if this peer may not read.
    current: Option<Epoch>,
    earlier: Vec<EpochKey>,
    salt: Option<MapSalt>,
}

/// Why nothing can be sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VaultError {
    /// No key of this MiMei is here.
    NoKey,
    /// The block cannot be sealed.
    Seal(BlockError),
    /// The block does not open.
    Open(OpenBlockError),
    /// The keys in the access record.
    Keys(KeysError),
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("there is no key for this MiMei here; open it by a link that has one"),
            Self::Seal(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for VaultError {}

impl Vault {
    /// The vault of a user who has these secrets.
    pub fn new(user: UserId, secrets: &DataSecrets) -> Self {
        let (rings, links) = Default::default();
        Self { user, name_secret: Zeroizing::new(secrets.name_secret), seals: secrets.seals.clone(), rings, links }
    }

    /// What the genesis says of a name that this user gives.
    pub fn keyed_name(&self, app: &App, name: &str) -> Result<[u8; 32], NameError> {
        keyed_name(&self.name_secret, app, name)
    }

    /// Keeps a link's secret instead of the one kept before.
    pub fn keep_link(&mut self, mimei: MimeiId, secret: LinkSecret) {
        self.links.insert(mimei, secret);
    }

    /// The signing key of the link through which this peer came to a MiMei.
    pub fn link_key(&self, mimei: &MimeiId) -> Option<SignKey> {
        self.links.get(mimei).map(|link| link.keys().sign)
    }

    /// Shows in one session that this peer has the link.
    pub fn exercise(&self, mimei: &MimeiId, session: [u8; 32]) -> Option<(SignKey, Signature)> {
        let link = self.links.get(mimei)?;
        let record = Exercise { mimei: *mimei, session };
        Some((link.keys().sign, link.sign(Domain::Exercise, &record.to_cbor())))
    }

    /// Shows in a record that its device had the link.
    pub fn link_proof(&self, mimei: &MimeiId, device: SignKey, access: AccessId) -> Option<LinkProof> {
        Some(self.links.get(mimei)?.prove(self.user, device, *mimei, access))
    }

    /// Takes the keys from an access chain that this user, its link, or everyone may have.
    pub fn learn(&mut self, genesis: &Genesis, chain: &AccessChain, view: &AccessView) {
        let mimei = genesis.id();
        let mut ring = Ring { keyring: Keyring::new(), current: None, earlier: Vec::new(), salt: None };
        if is_created_public(chain, view) {
            ring.keyring.allow_public();
            ring.salt = Some(public_salt(&mimei));
        } else if genesis.author == self.user {
            ring.salt = Some(private_salt(&self.name_secret, &mimei));
            for seal in &self.seals {
                let key = first_epoch_key(&seal.secret, &mimei);
                ring.keyring.insert(key.clone());
                ring.current = Some(Epoch::Keyed(key));
            }
        }
        for keys in chain.all_keys() {
            if let Some((key, history)) = self.open_keys(&mimei, keys) {
                for earlier in &history.earlier {
                    ring.keyring.insert(earlier.clone());
                }
                ring.keyring.insert(key);
                ring.salt.get_or_insert_with(|| history.salt.clone());
            }
        }
        if let Some(newest) = view.newest() {
            self.settle(&mimei, newest, &mut ring);
        }
        self.rings.insert(mimei, ring);
    }

    /// What the newest record means for new blocks.
    fn settle(&self, mimei: &MimeiId, newest: &AccessRecord, ring: &mut Ring) {
        match &newest.keys {
            None => ring.current = Some(Epoch::Public),
            Some(keys) => {
                let opened = self.open_keys(mimei, keys);
                ring.current = opened.as_ref().map(|(key, _)| Epoch::Keyed(key.clone()));
                ring.earlier = opened.map(|(_, history)| history.earlier.clone()).unwrap_or_default();
            }
        }
    }

    fn open_keys(&self, mimei: &MimeiId, keys: &EpochKeys) -> Option<(EpochKey, KeyHistory)> {
        let link = self.links.get(mimei).map(|link| Zeroizing::new(link.seal_secret()));
        let own = self.seals.iter().map(|seal| &seal.secret);
        let key = own.chain(link.as_deref()).find_map(|secret| open_epoch(mimei, keys, secret).ok());
        let key = key.or_else(|| keys.clear.clone().filter(|key| key.id() == keys.epoch))?;
        let history = open_history(keys, &key).ok()?;
        Some((key, history))
    }

    /// The kept link's secret, sealed so that only this user opens it.
    pub fn wrap_link(&self, mimei: &MimeiId) -> Option<Vec<u8>> {
        let body = self.links.get(mimei)?.as_bytes().to_vec();
        let sealed = Epoch::Keyed(self.wrapping_key()).seal(BlockToSeal { body, links: Vec::new() });
        let sealed = sealed.ok()?;
        Some([sealed.cid.to_bytes().as_slice(), &sealed.bytes].concat())
    }

    /// Keeps the link's secret that [`wrap_link`](Self::wrap_link) sealed; says whether it opened.
    pub fn unwrap_link(&mut self, mimei: MimeiId, wrapped: &[u8]) -> bool {
        let mut keyring = Keyring::new();
        keyring.insert(self.wrapping_key());
        let opened = wrapped.split_at_checked(Cid::BYTES).and_then(|(cid, bytes)| {
            let opened = keyring.open(&Cid::from_bytes(cid).ok()?, bytes).ok()?;
            Some(LinkSecret::from_bytes(opened.body.try_into().ok()?))
        });
        opened.map(|secret| self.keep_link(mimei, secret)).is_some()
    }

    fn wrapping_key(&self) -> EpochKey {
        EpochKey::from_bytes(blake3::derive_key(CONTEXT_LINK_WRAP, &*self.name_secret))
    }

    /// Whether new blocks can be sealed.
    pub fn can_seal(&self, mimei: &MimeiId) -> bool {
        self.rings.get(mimei).is_some_and(|ring| ring.current.is_some() && ring.salt.is_some())
    }

    /// The salt of a MiMei's state.
    pub fn salt(&self, mimei: &MimeiId) -> Result<Salt, VaultError> {
        let salt = self.rings.get(mimei).and_then(|ring| ring.salt.as_ref());
        salt.map(Salt::from).ok_or(VaultError::NoKey)
    }

    /// The salt of the maps of blobs.
    pub fn blob_salt(&self) -> Salt {
        Salt::from(&blob_salt())
    }

    /// Seals a block in the current epoch.
    pub fn seal(&self, mimei: &MimeiId, block: BlockToSeal) -> Result<StoredBlock, VaultError> {
        let epoch = self.rings.get(mimei).and_then(|ring| ring.current.as_ref()).ok_or(VaultError::NoKey)?;
        epoch.seal(block).map_err(VaultError::Seal)
    }

    /// Opens a block; its address, its form and its seal are checked.
    pub fn open(&self, mimei: &MimeiId, cid: &Cid, bytes: &[u8]) -> Result<OpenBlock, VaultError> {
        let ring = self.rings.get(mimei).ok_or(VaultError::NoKey)?;
        ring.keyring.open(cid, bytes).map_err(VaultError::Open)
    }

    /// The keys of the next access record, which these can read. If it shuts somebody out that could read, a new
    /// epoch begins, which nobody else can read. A public MiMei stays public while everyone may read.
    pub fn next_keys(
        &self,
        mimei: &MimeiId,
        audiences: &[Audience],
        shuts_out: bool,
        seed: &Seed,
    ) -> Result<Option<EpochKeys>, VaultError> {
        let ring = self.rings.get(mimei).ok_or(VaultError::NoKey)?;
        let mut earlier = ring.earlier.clone();
        let key = match &ring.current {
            None => return Err(VaultError::NoKey),
            Some(Epoch::Public) if !shuts_out || in_clear(audiences) => return Ok(None),
            Some(Epoch::Keyed(key)) if !shuts_out => key.clone(),
            Some(current) => {
                if let Epoch::Keyed(key) = current {
                    earlier.push(key.clone());
                }
                EpochKey::generate(seed)
            }
        };
        self.sealed_keys(mimei, &key, earlier, audiences, seed).map(Some)
    }

    fn sealed_keys(
        &self,
        mimei: &MimeiId,
        key: &EpochKey,
        earlier: Vec<EpochKey>,
        audiences: &[Audience],
        seed: &Seed,
    ) -> Result<EpochKeys, VaultError> {
        let salt = self.rings.get(mimei).and_then(|ring| ring.salt.clone()).ok_or(VaultError::NoKey)?;
        let own = self.seals.last().map(|seal| seal_key_of(&seal.secret));
        let links = audiences.iter().filter(|audience| reads(audience)).filter_map(|audience| match audience.who {
            Who::Link(link) => Some(link.seal),
            _ => None,
        });
        let to: Vec<_> = own.into_iter().chain(links).collect();
        let history = KeyHistory { salt, earlier };
        let epoch = NewEpoch { key, history: &history, to: &to, in_clear: in_clear(audiences) };
        epoch.seal(mimei, seed).map_err(VaultError::Keys)
    }
}

fn reads(audience: &Audience) -> bool {
    audience.rights.has(Right::Read)
}

fn in_clear(audiences: &[Audience]) -> bool {
    audiences.iter().any(|audience| reads(audience) && matches!(audience.who, Who::Everyone(_)))
}
