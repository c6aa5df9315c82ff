//! Encrypted and signed data: the official vectors, and everything that must not open.

use aes::Aes128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use menjin_platform::wechat::WeChat;
use menjin_platform::{NotOpened, OpenData as _, OpenedData, Payload, Profile, SessionKey};
use serde_json::json;

use crate::stub::{self, APPID, session_key};

const IV: &str = "r7BXXKkLb8qrSNn05n0qiA==";
const ENCRYPTED: &str = "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==";

fn wechat() -> WeChat {
    stub::wechat("http://127.0.0.1:1", std::time::Duration::from_secs(1))
}

fn open(encrypted: &str, iv: &str) -> Result<OpenedData, NotOpened> {
    wechat().decrypt(&session_key(), encrypted, iv)
}

/// Encrypts as WeChat does, under the sample's key and iv.
fn sealed(plain: &[u8]) -> String {
    let key = STANDARD.decode(session_key().expose()).unwrap();
    let cipher = cbc::Encryptor::<Aes128>::new_from_slices(&key, &STANDARD.decode(IV).unwrap()).unwrap();
    STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(plain))
}

fn open_json(json: &serde_json::Value) -> Result<OpenedData, NotOpened> {
    open(&sealed(json.to_string().as_bytes()), IV)
}

#[test]
fn the_official_sample_opens() {
    let opened = open(ENCRYPTED, IV).unwrap();
    assert_eq!((opened.watermark.appid.as_str(), opened.watermark.timestamp), (APPID, 1_477_314_187));
    let Payload::Profile(profile) = opened.payload else { panic!("{:?}", opened.payload) };
    assert_eq!(profile.open_id.unwrap().as_str(), "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
    assert_eq!(profile.union_id.unwrap().as_str(), "ocMvos6NjeKLIBqg5Mr9QjxrP1FA");
    assert_eq!((profile.nickname.as_str(), profile.gender, profile.language.as_str()), ("Band", 1, "zh_CN"));
    assert_eq!(
        (profile.country.as_str(), profile.province.as_str(), profile.city.as_str()),
        ("CN", "Guangdong", "Guangzhou")
    );
    assert!(profile.avatar_url.ends_with("/0"));
}

#[test]
fn the_official_signature_of_raw_data_holds() {
    let key = SessionKey::parse("HyVFkGl5F5OQWJZZaNzBBg==").unwrap();
    let raw = r#"{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}"#;
    let signature = "75e81ceda165f4ffa64f4068af58c64b8f54b88c";
    assert!(wechat().verify_signature(&key, raw, signature));
    assert_eq!(Profile::from_raw_data(raw).unwrap().nickname, "Band");
    for (raw, signature) in [
        (raw.replace("Band", "Bend"), signature.to_owned()),
        (raw.to_owned(), signature.replace("75e8", "75e9")),
        (raw.to_owned(), signature[..39].to_owned()),
        (raw.to_owned(), String::new()),
        (" ".repeat(1 << 20), signature.to_owned()),
    ] {
        assert!(!wechat().verify_signature(&key, &raw, &signature), "{signature}");
    }
    assert!(!wechat().verify_signature(&session_key(), raw, signature));
}

#[test]
fn a_phone_number_opens_with_its_country_code_as_text_or_number() {
    for country in [json!("86"), json!(86)] {
        let opened = open_json(&json!({
            "phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": country,
            "watermark": {"timestamp": 1_637_744_274, "appid": APPID},
        }));
        let Payload::Phone(number) = opened.unwrap().payload else { panic!("no phone number") };
        assert_eq!(number.e164.as_str(), "+8613580006666");
    }
}

#[test]
fn a_profile_may_lack_ids_and_anything_else_is_passed_on_whole() {
    let mark = json!({"timestamp": 1, "appid": APPID});
    let opened = open_json(&json!({"nickName": "微信用户", "avatarUrl": "", "gender": 0, "watermark": mark})).unwrap();
    let Payload::Profile(profile) = opened.payload else { panic!("no profile") };
    assert!(profile.open_id.is_none() && profile.union_id.is_none() && profile.is_anonymous());
    let share = json!({"openGId": "tGroup", "watermark": mark});
    assert_eq!(open_json(&share).unwrap().payload, Payload::Other(share));
}

#[test]
fn all_that_is_wrong_looks_alike() {
    let appid = "wx0000000000000000";
    let foreign =
        sealed(json!({"nickName": "x", "watermark": {"timestamp": 1, "appid": appid}}).to_string().as_bytes());
    let unmarked = sealed(br#"{"nickName":"x"}"#);
    let not_json = sealed(b"nickName=x");
    let not_utf8 = sealed(b"\xff\xfe\xfd");
    let not_object = sealed(b"[1,2]");
    let odd_number = sealed(
        json!({"purePhoneNumber": "call me", "countryCode": "86", "watermark": {"timestamp": 1, "appid": APPID}})
            .to_string()
            .as_bytes(),
    );
    let mark = json!({"timestamp": 1, "appid": APPID});
    let long_name = json!({"nickName": "x".repeat(13_000), "watermark": mark});
    let too_long = sealed(long_name.to_string().as_bytes());
    let bad_padding = STANDARD.encode(&STANDARD.decode(ENCRYPTED).unwrap()[..384]);
    let cases = [
        (foreign.as_str(), IV),
        (&unmarked, IV),
        (&not_json, IV),
        (&not_utf8, IV),
        (&not_object, IV),
        (&odd_number, IV),
        (&too_long, IV),
        (&bad_padding, IV),
        ("", IV),
        ("not base64!", IV),
        (&ENCRYPTED[..532], IV),
        (ENCRYPTED, ""),
        (ENCRYPTED, "r7BXXKkLb8qrSNn05n0q"),
        (ENCRYPTED, "tiihtNczf5v6AKRyjwEUhQ=="),
    ];
    for (encrypted, iv) in cases {
        assert_eq!(open(encrypted, iv), Err(NotOpened), "{encrypted:.40} {iv}");
    }
    let superseded = SessionKey::parse("HyVFkGl5F5OQWJZZaNzBBg==").unwrap();
    assert_eq!(wechat().decrypt(&superseded, ENCRYPTED, IV), Err(NotOpened));
}

/// Without a MAC a flipped bit may pass, but never with another appid, and never with a panic.
#[test]
fn a_flipped_bit_never_passes_for_another_app() {
    let whole = STANDARD.decode(ENCRYPTED).unwrap();
    let wechat = wechat();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(opened) = wechat.decrypt(&session_key(), &STANDARD.encode(&flipped), IV) {
            assert_eq!(opened.watermark.appid.as_str(), APPID, "bit {bit}");
        }
    }
}
