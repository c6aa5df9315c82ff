//! Connections that fail, break or hang, on bare sockets; and what may be concluded about the code.

use std::time::Duration;

use menjin_platform::wechat::WeChat;
use menjin_platform::{Error, Platform as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::stub::{self, OPENID, SESSION_KEY, code};

async fn listening() -> (TcpListener, WeChat) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    (listener, stub::wechat(&base_url, Duration::from_secs(5)))
}

/// Reads one request's head; false when the peer has gone.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

async fn write_success(stream: &mut TcpStream, announced: usize) {
    let body = format!(r#"{{"session_key":"{SESSION_KEY}","openid":"{OPENID}"}}"#);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + announced);
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Takes connections, answers the first `answered` requests and hangs up on the next; counts the requests until
/// `wechat` has no more to send and is dropped.
fn drop_after(listener: TcpListener, answered: usize, done: tokio::sync::oneshot::Receiver<()>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut requests = 0;
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                while read_request(&mut stream).await {
                    requests += 1;
                    if requests > answered {
                        break;
                    }
                    write_success(&mut stream, 0).await;
                }
            }
        };
        tokio::select! {
            () = serve => unreachable!("it serves for ever"),
            _ = done => {}
        }
        requests
    })
}

#[tokio::test]
async fn a_refused_connection_leaves_the_code_unspent() {
    let (listener, wechat) = listening().await;
    drop(listener);
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.code_unspent());
}

#[tokio::test]
async fn a_dropped_answer_is_asked_for_once() {
    let (listener, wechat) = listening().await;
    let (finish, done) = tokio::sync::oneshot::channel();
    let requests = drop_after(listener, 0, done);
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert!(!error.code_unspent());
    finish.send(()).unwrap();
    assert_eq!(requests.await.unwrap(), 1);
}

#[tokio::test]
async fn an_answer_dropped_on_a_connection_in_use_is_asked_for_once() {
    let (listener, wechat) = listening().await;
    let (finish, done) = tokio::sync::oneshot::channel();
    let requests = drop_after(listener, 2, done);
    wechat.login(&code()).await.unwrap();
    wechat.login(&code()).await.unwrap();
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    finish.send(()).unwrap();
    assert_eq!(requests.await.unwrap(), 3);
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    let (listener, wechat) = listening().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        write_success(&mut stream, 10).await;
    });
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn an_answer_beyond_the_deadline_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let wechat = stub::wechat(&base_url, Duration::from_millis(500));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
        // Holds the connection until the caller has given up.
        read_request(&mut stream).await
    });
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { .. }), "{error:?}");
    assert!(!server.await.unwrap());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (listener, wechat) = listening().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let answer = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        read_request(&mut stream).await
    });
    let error = wechat.login(&code()).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { status: 302, .. }), "{error:?}");
    drop(wechat);
    assert!(!server.await.unwrap(), "a second request came");
}
