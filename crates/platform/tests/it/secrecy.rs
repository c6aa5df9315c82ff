//! Nothing that was sent in confidence shows up in an error or in a log, not even when WeChat sends it back.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use menjin_platform::{Error, PhoneCode, Platform as _};
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use crate::stub::{self, OPENID, SECRET, SESSION_KEY, Stub, code, openid, session_key, token};

const PHONE_CODE: &str = "e31968a7f94cc5ee25fafc2aef2773f0";
const NICKNAME: &str = "Tom Riddle";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// An answer that repeats everything it was asked.
fn parrot(errcode: i64) -> String {
    let secrets =
        format!("{SECRET} {} {} {PHONE_CODE} {SESSION_KEY} {OPENID} {NICKNAME}", code().expose(), token().expose());
    format!(r#"{{"errcode":{errcode},"errmsg":"{secrets}, rid: 1-2-3"}}"#)
}

async fn everything_that_can_be_asked(stub: &Stub) -> Vec<Error> {
    let phone_code = PhoneCode::parse(PHONE_CODE).unwrap();
    let wechat = &stub.wechat;
    let keys = wechat.session_key().unwrap();
    vec![
        wechat.login(&code()).await.unwrap_err(),
        wechat.access_token().unwrap().access_token(false).await.unwrap_err(),
        wechat.phone().unwrap().phone(&token(), &phone_code, &openid()).await.unwrap_err(),
        keys.check(&token(), &openid(), &session_key()).await.unwrap_err(),
        keys.reset(&token(), &openid(), &session_key()).await.unwrap_err(),
        wechat.moderation().unwrap().check_nickname(&token(), &openid(), NICKNAME).await.unwrap_err(),
        wechat.encrypt_keys().unwrap().encrypt_keys(&token(), &openid(), &session_key()).await.unwrap_err(),
    ]
}

/// What each of the seven calls sends, in their order.
fn sent() -> [Vec<String>; 7] {
    let [code, token, openid, key] = [code().expose(), token().expose(), OPENID, SESSION_KEY].map(str::to_owned);
    let signed = vec![token.clone(), openid.clone(), key];
    [
        vec![SECRET.to_owned(), code],
        vec![SECRET.to_owned()],
        vec![token.clone(), PHONE_CODE.to_owned(), openid.clone()],
        signed.clone(),
        signed.clone(),
        vec![token, openid, NICKNAME.to_owned()],
        signed,
    ]
}

fn assert_hidden(errors: &[Error]) {
    for (error, secrets) in errors.iter().zip(sent()) {
        let shown = format!("{error} {error:?} {:?}", error.errmsg());
        for secret in secrets {
            assert!(!shown.contains(&secret), "{secret} is in {shown}");
        }
    }
}

#[tokio::test]
async fn no_error_repeats_what_was_sent_in_confidence() {
    for errcode in [40029, 40125, 31337, 45011] {
        let errors = everything_that_can_be_asked(&Stub::answering(&parrot(errcode)).await).await;
        assert!(errors[0].errmsg().unwrap().contains("rid: 1-2-3"));
        assert_hidden(&errors);
    }
    assert_hidden(&everything_that_can_be_asked(&Stub::answering_with(502, "text/html", "<html>").await).await);
}

#[tokio::test]
async fn no_failed_connection_repeats_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let hanging = stub::wechat(&base_url, Duration::from_millis(100));
    let unanswered = hanging.login(&code()).await.unwrap_err();
    drop(listener);
    let refused = stub::wechat(&base_url, Duration::from_secs(5)).login(&code()).await.unwrap_err();
    for error in [unanswered, refused] {
        let shown = format!("{error} {error:?}");
        for part in [SECRET, code().expose(), "jscode2session", "appid="] {
            assert!(!shown.contains(part), "{part} is in {shown}");
        }
    }
}

#[tokio::test]
async fn no_log_line_of_any_level_shows_a_secret() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .init();
    everything_that_can_be_asked(&Stub::answering(&parrot(31337)).await).await;
    let success = format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{OPENID}"}}"#);
    Stub::answering(&success).await.login().await.unwrap();
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("the platform answered"), "{written}");
    for secret in sent().concat() {
        assert!(!written.contains(&secret), "{secret} is in the log");
    }
}
