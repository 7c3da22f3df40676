//! Tokens from issue to refusal, on SQLite; `tests/it/auth.rs` goes through gRPC on both databases.

use super::*;
use crate::clock::Ids;
use crate::partners::model::{HubDevice, HubUrl, Label, Scope, Scopes, Theme};
use crate::partners::service::{NewDevice, NewToken, Partners, Refused};
use crate::storage::DatabaseConfig;
use crate::storage::audit::Act;
use crate::values::{DeviceId, PartnerId};

const NOW: i64 = 1_795_000_000_000;

struct Setup {
    partners: Partners,
    access: Access,
    clock: Clock,
    partner: PartnerId,
    _dir: tempfile::TempDir,
}

/// A database with one partner; look-ups are not remembered.
async fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("t.db").display());
    let db = Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap();
    db.migrate().await.unwrap();
    let clock = Clock::fixed(NOW);
    let partners =
        Partners::new(db.clone(), clock.clone(), Ids::system(), Mode::Test).acting(Act::new("test", "a test").unwrap());
    let partner = partners.add(Label::name("Партнёр").unwrap(), Theme::Mts).await.unwrap().id;
    Setup { partners, access: Access::new(db, clock.clone(), Mode::Test, Duration::ZERO), clock, partner, _dir: dir }
}

fn reading(expires_ms: Option<i64>) -> NewToken {
    NewToken { scopes: Scopes::from_iter([Scope::KktRead]), note: Label::default(), expires_ms }
}

impl Setup {
    async fn token(&self, expires_ms: Option<i64>) -> Token {
        self.partners.issue(self.partner, reading(expires_ms)).await.unwrap().0
    }

    async fn admits(&self, token: &Token) -> bool {
        match self.access.admit(&token.reveal(), None).await {
            Ok(_) => true,
            Err(Denied::Credentials(_)) => false,
            Err(denied) => panic!("{denied:?}"),
        }
    }
}

#[tokio::test]
async fn an_issued_token_names_its_partner_theme_and_scopes() {
    let s = setup().await;
    let shown = s.access.admit(&s.token(None).await.reveal(), None).await.unwrap();
    let Shown::Partner(caller) = shown else { panic!("a partner") };
    assert_eq!(caller.scope.partner(), s.partner);
    assert_eq!(caller.theme, Theme::Mts);
    assert_eq!(caller.scopes.to_string(), "KKT_READ");
}

#[tokio::test]
async fn bad_tokens_are_refused_alike() {
    let s = setup().await;
    let token = s.token(None).await;
    let (text, ids) = (token.reveal(), Ids::system());
    let live = Token::issue(Mode::Live, &ids).reveal();
    let unknown = Token::issue(Mode::Test, &ids).reveal();
    for (bad, why) in [
        ("", Why::Malformed),
        ("lbp_test_", Why::Malformed),
        (&text[1..], Why::Malformed),
        (&live, Why::WrongMode),
        (&unknown, Why::UnknownKey),
    ] {
        assert_eq!(s.access.admit(bad, None).await.err(), Some(Denied::Credentials(why)));
    }
    assert!(s.admits(&token).await);
}

#[tokio::test]
async fn a_right_key_id_with_another_secret_is_refused() {
    let s = setup().await;
    let (known, other) = (s.token(None).await.reveal(), s.token(None).await.reveal());
    // `lbp_test_` and the key id are 21 characters, the secret 32.
    let body = format!("{}{}", &known[..21], &other[21..53]);
    let forged = format!("{body}{}", crate::partners::token::checksum_of(&body));
    assert!(Token::parse(&forged).is_ok());
    assert_eq!(s.access.admit(&forged, None).await.err(), Some(Denied::Credentials(Why::WrongSecret)));
}

#[tokio::test]
async fn expired_and_revoked_tokens_and_disabled_partners_are_refused() {
    let s = setup().await;
    let (short, long) = (s.token(Some(NOW + 1_000)).await, s.token(None).await);
    assert!(s.admits(&short).await && s.admits(&long).await, "several live at once");
    s.clock.advance(1_000);
    assert!(!s.admits(&short).await && s.admits(&long).await);
    s.partners.set_enabled(s.partner, false).await.unwrap();
    assert!(!s.admits(&long).await);
    s.partners.set_enabled(s.partner, true).await.unwrap();
    assert!(s.admits(&long).await);
    s.partners.revoke(long.key_id()).await.unwrap();
    assert!(!s.admits(&long).await);
    s.clock.advance(5_000);
    s.partners.revoke(long.key_id()).await.unwrap();
    let revoked = s.partners.tokens(Some(s.partner)).await.unwrap();
    let at = revoked.iter().find(|t| t.key_id == *long.key_id()).unwrap().revoked_ms;
    assert_eq!(at, Some(NOW + 1_000), "the first revocation stands");
}

#[tokio::test]
async fn a_look_up_is_remembered_for_a_while_and_no_longer() {
    let s = setup().await;
    let remembering = Access::new(s.access.db.clone(), s.clock.clone(), Mode::Test, Duration::from_millis(300));
    let token = s.token(None).await;
    remembering.admit(&token.reveal(), None).await.unwrap();
    s.partners.revoke(token.key_id()).await.unwrap();
    assert!(remembering.admit(&token.reveal(), None).await.is_ok());
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(remembering.admit(&token.reveal(), None).await.err(), Some(Denied::Credentials(Why::TokenRevoked)));
}

#[tokio::test]
async fn use_is_noted_at_most_every_ten_minutes() {
    let s = setup().await;
    let token = s.token(None).await;
    for (advance, noted) in [(0, NOW), (NOTED_EVERY_MS - 1, NOW), (1, NOW + NOTED_EVERY_MS)] {
        s.clock.advance(advance);
        assert!(s.admits(&token).await);
        let mut last = None;
        for _ in 0..100 {
            last = s.partners.tokens(None).await.unwrap()[0].last_used_ms;
            if last == Some(noted) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(last, Some(noted));
    }
}

#[tokio::test]
async fn mistakes_of_operators_are_refused() {
    let s = setup().await;
    let none = NewToken { scopes: Scopes::default(), ..reading(None) };
    assert!(matches!(s.partners.issue(s.partner, none).await, Err(Refused::NoScope)));
    assert!(matches!(s.partners.issue(s.partner, reading(Some(NOW))).await, Err(Refused::Expired)));
    let again = s.partners.add(Label::name("Партнёр").unwrap(), Theme::LiteBox).await;
    assert!(matches!(again, Err(Refused::NameTaken(id)) if id == s.partner));
    let nobody = PartnerId::new(uuid::Uuid::from_u128(9));
    assert!(matches!(s.partners.set_enabled(nobody, true).await, Err(Refused::NoPartner)));
    let key_id = KeyId::parse("0123456789AB").unwrap();
    assert!(matches!(s.partners.revoke(&key_id).await, Err(Refused::NoToken)));
    assert!(matches!(s.partners.find("нет такого").await, Err(Refused::NoPartner)));
    assert_eq!(s.partners.find("Партнёр").await.unwrap().id, s.partner);
    assert_eq!(s.partners.find(&s.partner.to_string()).await.unwrap().id, s.partner);
}

#[tokio::test]
async fn a_device_is_at_one_partners_disposal() {
    let s = setup().await;
    let other = s.partners.add(Label::name("Другой").unwrap(), Theme::LiteBox).await.unwrap().id;
    let new = |id| NewDevice {
        id,
        hub: HubUrl::parse("http://127.0.0.1:1").unwrap(),
        hub_device: HubDevice::parse("default").unwrap(),
        note: Label::default(),
    };
    let device = s.partners.assign(s.partner, new(None)).await.unwrap();
    assert!(matches!(s.partners.assign(other, new(None)).await, Err(Refused::DeviceTaken)));
    let db = &s.access.db;
    let own = store::device(db, PartnerScope::new(s.partner), device.id).await.unwrap();
    assert_eq!(own, Some(device.clone()));
    assert_eq!(store::device(db, PartnerScope::new(other), device.id).await.unwrap(), None);
    let unknown = DeviceId::new(uuid::Uuid::from_u128(1));
    assert_eq!(store::device(db, PartnerScope::new(s.partner), unknown).await.unwrap(), None);
    assert_eq!(s.partners.devices(Some(other)).await.unwrap(), []);
}

#[tokio::test]
async fn a_rotated_token_gives_way_after_the_overlap_and_never_later_than_before() {
    let s = setup().await;
    let old = s.token(Some(NOW + 10_000)).await;
    s.clock.advance(1_000);
    let (new, record) = s.partners.rotate(old.key_id(), 5_000).await.unwrap();
    assert_eq!((record.partner, record.scopes.to_string().as_str()), (s.partner, "KKT_READ"));
    assert_eq!(record.expires_ms, Some(NOW + 11_000), "the same term, from now");
    assert!(s.admits(&old).await && s.admits(&new).await);
    s.clock.advance(5_000);
    assert!(!s.admits(&old).await && s.admits(&new).await);
    assert!(matches!(s.partners.rotate(old.key_id(), 5_000).await, Err(Refused::TokenEnded)));
    s.partners.rotate(new.key_id(), 1_000_000).await.unwrap();
    let kept = s.partners.tokens(None).await.unwrap();
    let end = kept.iter().find(|t| t.key_id == *new.key_id()).unwrap().expires_ms;
    assert_eq!(end, Some(NOW + 11_000), "an overlap makes no token live longer");
    let nobody = KeyId::parse("0123456789AB").unwrap();
    assert!(matches!(s.partners.rotate(&nobody, 0).await, Err(Refused::NoToken)));
}

#[tokio::test]
async fn no_partner_token_names_partners() {
    let s = setup().await;
    let scopes = Scopes::from_iter([Scope::KktRead, Scope::PartnersAct]);
    let refused = s.partners.issue(s.partner, NewToken { scopes, ..reading(None) }).await;
    assert!(matches!(refused, Err(Refused::ServiceScope)));
}
