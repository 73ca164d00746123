//! Versions: form, number, signer.

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec, MimeiId, VersionId};
use mimei_core::mimei::{Reserved, SignerError, VERSION_PARENTS_MAX, Version, VersionError, check_version};
use mimei_core::sign::{Domain, Signed};

use crate::world::{NOW, World, version};

fn sign(world: &World, version: Version) -> Signed<Version> {
    Signed { sig: world.secrets((0, 0)).sign(Domain::Version, &version.to_cbor()), body: version }
}

fn first(world: &World) -> Version {
    Version {
        by: world.by((0, 0)),
        refs: None,
        root: Cid::of(Codec::DagCbor, b"root"),
        time: NOW,
        mimei: world.mimei,
        covers: Reserved,
        number: 1,
        parents: Vec::new(),
    }
}

#[test]
fn a_version_is_taken_with_its_signature_only() {
    let world = World::new(1);
    let signed = sign(&world, first(&world));
    let id = VersionId::of(&signed.to_cbor());
    assert_eq!(check_version(&signed, &world.mimei, &world.logs), Ok(id));
    assert_eq!(Signed::from_cbor(&signed.to_cbor()), Ok(signed.clone()));
    let other = MimeiId::of(b"other");
    assert_eq!(check_version(&signed, &other, &world.logs), Err(VersionError::OtherMimei));
    let mut forged = signed;
    forged.body.root = Cid::of(Codec::DagCbor, b"evil");
    let error = VersionError::Signer(SignerError::BadSignature);
    assert_eq!(check_version(&forged, &world.mimei, &world.logs), Err(error));
    // The signature of a head or an access record does not pass for a version's.
    for domain in [Domain::Head, Domain::Access, Domain::Exercise] {
        let version = first(&world);
        let sig = world.secrets((0, 0)).sign(domain, &version.to_cbor());
        let signed = Signed { sig, body: version };
        assert_eq!(check_version(&signed, &world.mimei, &world.logs), Err(error));
    }
}

#[test]
fn numbers_follow_from_the_largest_parent() {
    let world = World::new(1);
    let check = |number, parents| {
        check_version(&sign(&world, Version { number, parents, ..first(&world) }), &world.mimei, &world.logs)
    };
    let mut parents = vec![version("a"), version("b")];
    parents.sort();
    assert!(check(8, parents.clone()).is_ok());
    assert_eq!(check(1, parents.clone()), Err(VersionError::BadNumber));
    assert_eq!(check(0, Vec::new()), Err(VersionError::BadNumber));
    assert_eq!(check(2, Vec::new()), Err(VersionError::BadNumber));
    parents.reverse();
    assert_eq!(check(8, parents), Err(VersionError::BadParents));
    let mut many: Vec<_> = (0..=VERSION_PARENTS_MAX).map(|n| version(&n.to_string())).collect();
    many.sort();
    assert_eq!(check(8, many), Err(VersionError::BadParents));
    let merge = Version { number: 8, ..first(&world) };
    assert_eq!(merge.check_number([7, 3]), Ok(()));
    assert_eq!(merge.check_number([7, 8]), Err(VersionError::BadNumber));
    assert_eq!(merge.check_number([]), Err(VersionError::BadNumber));
}
