//! The records of accounts, and what is said about them.

use mimei_core::cbor::Cbor;
use mimei_core::cid::{MimeiId, UserId};
use mimei_core::credit::{
    CreditRecord, InviteSecret, Iou, Line, Mandate, Prices, Ratio, Reason, Receipt, Renewal, Unit, UseOfLink, What,
};
use mimei_core::mimei::Signer;
use mimei_core::sign::{Domain, Signed};
use mimei_core::time::Millis;
use mimei_core::wire::{
    AcceptAsk, Answer, Ask, CreditAsk, MandateAsk, MandateUse, Message, Nothing, PayAsk, Statement,
};

use super::{Maker, People, Vector, replace};

/// Everything that the file holds.
pub fn credit() -> Vec<Vector> {
    let people = People::new();
    let records = Records::new(&people);
    let mut maker = Maker::default();
    records.add_to(&mut maker, &people);
    invites(&mut maker);
    messages(&mut maker, records);
    maker.0
}

/// One account. Creditor and debtor are one user here: who may sign what is no matter of form.
struct Records {
    line: Signed<Line>,
    iou: Signed<Iou>,
    receipt: Signed<Receipt>,
    for_link: Signed<Mandate>,
    for_everyone: Signed<Mandate>,
    prices: Signed<Prices>,
}

fn sign<T: CreditRecord>(people: &People, body: T) -> Signed<T> {
    Signed { sig: people.new.device.sign(T::DOMAIN, &body.to_cbor()), body }
}

impl Records {
    fn new(people: &People) -> Self {
        let user = people.log.user();
        let other = UserId::of(b"the other side");
        let by = Signer { log: people.log.tips(), user, proof: None, device: people.new.device.keys().sign };
        let (unit, mimei) = (Unit::Byte, MimeiId::of(b"a MiMei"));
        let line = Line {
            by: by.clone(),
            unit,
            limit: 50_000_000_000,
            space: 5_000_000_000,
            until: Some(Millis(1_800_000_000_000)),
            debtor: other,
            prices: 1,
            renews: Some(Renewal { days: 30, amount: 50_000_000_000 }),
            serial: 2,
        };
        let iou = Iou { by: by.clone(), unit, total: 4_194_304, folded: 1_000, serial: 7, creditor: other };
        let receipt = Receipt {
            by: by.clone(),
            time: Millis(1_700_000_000_000),
            unit,
            total: 3_000_000,
            amount: 1_000_000,
            debtor: other,
            reason: Reason::Allowance,
            serial: 3,
        };
        let mandate = |what, until| Mandate {
            by: by.clone(),
            day: 1_000_000,
            unit,
            what,
            total: 9_000_000,
            until,
            serial: 1,
            creditor: other,
        };
        let link = people.phone.keys().sign;
        let prices = Prices { by: by.clone(), traffic: Ratio::ONE, version: 1 };
        Self {
            line: sign(people, line),
            iou: sign(people, iou),
            receipt: sign(people, receipt),
            for_link: sign(people, mandate(What::Link(UseOfLink { link, mimei }), None)),
            for_everyone: sign(people, mandate(What::Mimei(mimei), Some(Millis(0)))),
            prices: sign(people, prices),
        }
    }

    fn add_to(&self, maker: &mut Maker, people: &People) {
        signed(maker, people, "line", "a line that renews and ends", &self.line);
        signed(maker, people, "iou", "an IOU", &self.iou);
        signed(maker, people, "receipt", "an allowance", &self.receipt);
        signed(maker, people, "mandate", "for a link", &self.for_link);
        signed(maker, people, "mandate", "for everyone, ended", &self.for_everyone);
        signed(maker, people, "prices", "a byte for a byte", &self.prices);
        let unit = replace(&self.iou.to_cbor(), b"\x64byte", b"\x64bits");
        maker.add("iou", "a unit that this version does not know", &unit);
        let ratio = replace(&self.prices.to_cbor(), b"\x63per\x01", b"\x63per\x00");
        maker.add("prices", "for nothing", &ratio);
        let reason = replace(&self.receipt.to_cbor(), b"allowance", b"indulging");
        maker.add("receipt", "a reason that this version does not know", &reason);
    }
}

/// A signed record, and what must not pass for it.
fn signed<T: CreditRecord + Clone>(maker: &mut Maker, people: &People, kind: &str, name: &str, good: &Signed<T>) {
    let bytes = good.to_cbor();
    maker.add(kind, name, &bytes);
    let sig = people.new.device.sign(Domain::Head, &good.body.to_cbor());
    maker.add(kind, &format!("{name}, signed in another domain"), &Signed { sig, body: good.body.clone() }.to_cbor());
    maker.add(kind, &format!("{name}, cut short"), &bytes[..bytes.len() - 1]);
    maker.add(kind, &format!("{name}, with a byte behind"), &[&bytes[..], &[0]].concat());
}

fn invites(maker: &mut Maker) {
    let relay = "relay:bafyr4icb77hvuljl663rges6ogtiiwpdbt72lwi7dxtsatnsin3h5s36ya";
    let secret = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";
    let address = super::relay_address();
    let good = format!("mimei:invite?r={address}#{secret}");
    maker.add("invite", "an invite", good.as_bytes());
    maker.add("invite", "without its secret", format!("mimei:invite?r={address}").as_bytes());
    maker.add("invite", "with a part of its secret", &good.as_bytes()[..good.len() - 3]);
    maker.add("invite", "of a relay without a place", format!("mimei:invite?r={relay}#{secret}").as_bytes());
    maker.add("invite", "an address of a MiMei", format!("mimei:{}#{secret}", MimeiId::of(b"a MiMei")).as_bytes());
}

fn messages(maker: &mut Maker, records: Records) {
    let Records { line, iou, receipt, for_link, for_everyone, prices } = records;
    let secret = InviteSecret::from_bytes([1; 32]);
    let shown = CreditAsk { iou: Some(iou.clone()), line: Some(line.clone()), receipt: Some(receipt.clone()) };
    let nothing = CreditAsk { iou: None, line: None, receipt: None };
    let uses = |mandate| MandateUse { used: 5_000, today: 0, mandate };
    let statement = Statement {
        ious: vec![iou.clone()],
        line: Some(line),
        prices: prices.clone(),
        served: 77,
        stored: 1 << 40,
        receipt: Some(receipt),
        mandates: vec![uses(for_link.clone()), uses(for_everyone)],
    };
    let empty = Statement { ious: vec![], line: None, prices, served: 0, stored: 0, receipt: None, mandates: vec![] };
    let all = [
        ("asking for one's account", Message::Ask((0, Ask::Credit(Box::new(nothing))))),
        ("showing what one has of it", Message::Ask((2, Ask::Credit(Box::new(shown))))),
        ("the account", Message::Answer((2, Answer::Credit(Box::new(statement))))),
        ("no account", Message::Answer((2, Answer::Credit(Box::new(empty))))),
        ("paying", Message::Ask((4, Ask::Pay(Box::new(PayAsk { iou }))))),
        ("paying for others", Message::Ask((6, Ask::Mandate(Box::new(MandateAsk { mandate: for_link }))))),
        (
            "using the invite of the secret 01…01 in the session 05…05",
            Message::Ask((8, Ask::Accept(AcceptAsk { sig: secret.accept([5; 32]), invite: secret.key() }))),
        ),
        ("the account changed", Message::Account(Nothing {})),
    ];
    for (name, message) in &all {
        maker.add("message", name, &message.to_cbor());
    }
    let payer = replace(&all[0].1.to_cbor(), b"\x63iou", b"\x63iov");
    maker.add("message", "an account without its IOU", &payer);
}
