//! Ids: one spelling each, and they sort by time.

use menjin_token::{BadId, EventId, GrantId, IdentityId, SessionId, Timestamp, UserId};
use proptest::prelude::*;

#[test]
fn an_id_says_what_it_names_and_is_26_digits_long() {
    let now = Timestamp::from_millis(0x0123_4567_89ab);
    let id = UserId::new(now, [0xff; 10]);
    assert_eq!(id.to_string(), "usr_014d2pf2dbzzzzzzzzzzzzzzzz");
    assert_eq!(format!("{id:?}"), id.to_string());
    assert_eq!(id.made_at(), now);
    let prefixes = [
        SessionId::from_bytes([0; 16]).to_string(),
        GrantId::from_bytes([0; 16]).to_string(),
        IdentityId::from_bytes([0; 16]).to_string(),
        EventId::from_bytes([0; 16]).to_string(),
    ];
    let zeros = "0".repeat(26);
    assert_eq!(prefixes, ["ses_", "grt_", "idn_", "evt_"].map(|prefix| prefix.to_owned() + &zeros));
}

#[test]
fn only_the_canonical_spelling_is_read() {
    let good = "usr_01k9q3zv6m0000000000000001";
    assert_eq!(good.parse::<UserId>().map(|id| id.to_string()), Ok(good.to_owned()));
    let bad = [
        "",
        "usr_",
        "usr",
        "01k9q3zv6m0000000000000001",
        "ses_01k9q3zv6m0000000000000001",
        "USR_01k9q3zv6m0000000000000001",
        "usr-01k9q3zv6m0000000000000001",
        "usr_01K9Q3ZV6M0000000000000001",
        "usr_01k9q3zv6m000000000000000",
        "usr_01k9q3zv6m00000000000000010",
        "usr_81k9q3zv6m0000000000000001",
        "usr_z1k9q3zv6m0000000000000001",
        "usr_01k9q3zv6m000000000000000i",
        "usr_01k9q3zv6m000000000000000l",
        "usr_01k9q3zv6m000000000000000o",
        "usr_01k9q3zv6m000000000000000u",
        "usr_01k9q3zv6m00000000000000-1",
        " usr_01k9q3zv6m0000000000000001",
        "usr_01k9q3zv6m000000000000001\n",
        "usr_01k9q3zv6m00000000000000é",
    ];
    for text in bad {
        assert_eq!(text.parse::<UserId>(), Err(BadId), "{text:?}");
    }
    assert!("usr_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<UserId>().is_ok());
}

#[test]
fn an_id_is_a_string_in_json() {
    let id: UserId = "usr_01k9q3zv6m0000000000000001".parse().unwrap();
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, r#""usr_01k9q3zv6m0000000000000001""#);
    assert_eq!(serde_json::from_str::<UserId>(&json).unwrap(), id);
    assert!(serde_json::from_str::<SessionId>(&json).is_err());
    assert!(serde_json::from_str::<UserId>("1").is_err());
}

proptest! {
    #[test]
    fn every_id_survives_text_and_bytes(bytes: [u8; 16]) {
        let id = GrantId::from_bytes(bytes);
        prop_assert_eq!(id.to_bytes(), bytes);
        prop_assert_eq!(id.to_string().parse::<GrantId>(), Ok(id));
    }

    #[test]
    fn text_bytes_and_time_sort_alike(a: [u8; 16], b: [u8; 16]) {
        let (x, y) = (SessionId::from_bytes(a), SessionId::from_bytes(b));
        prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        if x.made_at() != y.made_at() {
            prop_assert_eq!(x.cmp(&y), x.made_at().cmp(&y.made_at()));
        }
    }

    #[test]
    fn no_text_panics_the_parser(text: String) {
        if let Ok(id) = text.parse::<UserId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_time_outside_48_bits_is_cut_to_fit(millis: i64) {
        let made = UserId::new(Timestamp::from_millis(millis), [0; 10]).made_at().millis();
        prop_assert_eq!(made, millis.clamp(0, (1 << 48) - 1));
    }
}
