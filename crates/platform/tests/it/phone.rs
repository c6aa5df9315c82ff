//! `wxa/business/getuserphonenumber`.

use menjin_platform::{Error, Kind, PhoneCode, PhoneNumber, Platform as _};

use crate::stub::{APPID, OPENID, Stub, openid, token};

async fn ask(stub: &Stub) -> Result<PhoneNumber, Error> {
    let code = PhoneCode::parse("e31968a7f94cc5ee25fafc2aef2773f0").unwrap();
    stub.wechat.phone().expect("WeChat has phone numbers").phone(&token(), &code, &openid()).await
}

fn found(number: &str, country: &str, appid: &str) -> String {
    format!(
        r#"{{"errcode":0,"errmsg":"ok","phone_info":{{"phoneNumber":"{number}","purePhoneNumber":"{number}","countryCode":{country},"watermark":{{"timestamp":1637744274,"appid":"{appid}"}}}}}}"#
    )
}

#[tokio::test]
async fn a_phone_code_becomes_a_number() {
    for country in [r#""86""#, "86"] {
        let stub = Stub::answering(&found("13580006666", country, APPID)).await;
        let number = ask(&stub).await.unwrap();
        assert_eq!(number.e164.as_str(), "+8613580006666");
        assert_eq!(number.masked(), "135****6666");
        let asked = &stub.asked()[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/wxa/business/getuserphonenumber"));
        assert_eq!(asked.query, [("access_token".to_owned(), token().expose().to_owned())]);
        assert_eq!(asked.body, format!(r#"{{"code":"e31968a7f94cc5ee25fafc2aef2773f0","openid":"{OPENID}"}}"#));
    }
}

#[tokio::test]
async fn a_number_with_a_foreign_watermark_is_not_believed() {
    let foreign = found("13580006666", r#""86""#, "wx0000000000000000");
    let unmarked = r#"{"phone_info":{"purePhoneNumber":"13580006666","countryCode":"86"}}"#.to_owned();
    let numberless = found("none", r#""86""#, APPID);
    for body in [foreign, unmarked, numberless, r#"{"errcode":0}"#.to_owned()] {
        assert_eq!(ask(&Stub::answering(&body).await).await.unwrap_err().kind(), Kind::Malformed, "{body}");
    }
}

#[tokio::test]
async fn a_code_of_another_mini_program_is_a_bad_code_and_an_old_token_a_stale_one() {
    for (errcode, kind) in [
        (40013, Kind::BadCode),
        (40029, Kind::BadCode),
        (40001, Kind::TokenStale),
        (40014, Kind::TokenStale),
        (42001, Kind::TokenStale),
        (45011, Kind::Quota),
        (48001, Kind::Misconfigured),
    ] {
        let stub = Stub::answering(&format!(r#"{{"errcode":{errcode},"errmsg":"no rid: 1-2-3"}}"#)).await;
        let error = ask(&stub).await.unwrap_err();
        assert_eq!((error.kind(), error.errcode()), (kind, Some(errcode)));
    }
}
