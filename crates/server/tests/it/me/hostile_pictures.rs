//! Uploads that were never meant to be pictures, and names that were never given.

use std::time::Duration;

use reqwest::Method;

use super::{BOUNDARY, address, fetch, form, sample, send_form, upload};
use crate::harness::{Setup, TestServer};
use crate::wire::Wire;

const AVATAR: &str = "Content-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\nContent-Type: image/png";

/// A picture that goes on as an archive and a page.
fn polyglot(picture: &str) -> Vec<u8> {
    [&sample(picture)[..], b"PK\x03\x04 <html><script>alert(1)</script></html>"].concat()
}

#[tokio::test]
async fn what_is_no_picture_is_refused_whatever_it_says_it_is() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let files: [&[u8]; 6] = [
        b"",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"GIF89a\x01\0\x01\0",
        b"PK\x03\x04",
        &[0; 1000],
    ];
    for file in files {
        assert_eq!(upload(&phone, &t, file).await.problem(400, "field_invalid")["field"], "avatar");
    }
    upload(&phone, &t, &sample("moving.webp")).await.problem(400, "field_invalid");
    let cut = sample("camera.jpg");
    upload(&phone, &t, &cut[..cut.len() - 10]).await.problem(400, "field_invalid");
    assert!(phone.get("/v1/me").await.ok(200)["user"]["avatar_url"].is_null());
}

#[tokio::test]
async fn a_picture_that_is_something_else_as_well_is_a_picture_afterwards() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for picture in ["camera.jpg", "camera.png", "camera.webp"] {
        let address = address(&upload(&phone, &t, &polyglot(picture)).await.ok(200));
        let (_, headers, bytes) = fetch(&address).await;
        assert!(headers["content-type"].to_str().unwrap().starts_with("image/"));
        for trace in [&b"script"[..], b"PK\x03\x04"] {
            assert!(!bytes.windows(trace.len()).any(|it| it == trace), "{picture}");
        }
    }
}

/// Each segment says that it has 65535 entries.
#[tokio::test]
async fn what_says_that_it_has_more_than_it_holds_is_refused() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let lie = b"\xff\xe1\0\x12Exif\0\0MM\0*\0\0\0\x08\xff\xff";
    let file = [&b"\xff\xd8"[..], &lie.repeat(2 * 1024 * 1024 / lie.len() - 1)].concat();
    assert_eq!(upload(&phone, &t, &file).await.problem(400, "field_invalid")["field"], "avatar");
    upload(&phone, &t, &sample("camera.jpg")).await.ok(200);
}

#[tokio::test]
async fn huge_dimensions_are_refused_before_anybody_decodes_them() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let mut bomb = sample("camera.png");
    let at = bomb.windows(4).position(|it| it == b"IHDR").unwrap() + 4;
    bomb[at..at + 8].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let refused = upload(&phone, &t, &bomb).await.problem(400, "field_invalid");
    assert!(refused["detail"].as_str().unwrap().contains("4096"), "{refused}");
}

#[tokio::test]
async fn a_picture_has_so_many_bytes_and_a_body_not_many_more() {
    let toml = "[avatars]\nmax_bytes = 20000".to_owned();
    let t = TestServer::with(Setup { toml, ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    let padded = |bytes: usize| {
        let mut picture = sample("camera.jpg");
        picture.resize(bytes, 0);
        picture
    };
    upload(&phone, &t, &padded(20_000)).await.ok(200);
    for bytes in [20_001, 40_000, 200_000] {
        upload(&phone, &t, &padded(bytes)).await.problem(413, "body_too_large");
    }
    let other = "Content-Disposition: form-data; name=\"other\"";
    let beside = form(&[(other, &vec![b'x'; 100_000]), (AVATAR, &sample("camera.jpg"))]);
    send_form(&t, &phone.access_token(), beside).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_form_is_read_as_strictly_as_it_is_written() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    let picture = sample("camera.jpg");
    let user = "Content-Disposition: form-data; name=\"user\"";
    send_form(&t, &token, form(&[(user, b"1"), (AVATAR, &picture)])).await.ok(200);
    let whole = form(&[(AVATAR, &picture)]);
    for end in [0, 10, 60, whole.len() / 2, whole.len() - 10] {
        send_form(&t, &token, whole[..end].to_vec()).await.problem(400, "form_invalid");
    }
    for (form, field) in
        [(form(&[(user, b"1")]), "avatar"), (form(&[(AVATAR, &picture), (AVATAR, &picture)]), "avatar")]
    {
        assert_eq!(send_form(&t, &token, form).await.problem(400, "field_invalid")["field"], field);
    }
    let kinds = ["application/json", "image/png", "multipart/mixed; boundary=x", ""];
    for kind in kinds {
        let sent = phone.send(Method::POST, "/v1/me/avatar", Some("{}".into()), &[("content-type", kind)]).await;
        sent.problem(415, "content_type_invalid");
    }
    let unbounded = [("content-type", "multipart/form-data")];
    phone.send(Method::POST, "/v1/me/avatar", Some("{}".into()), &unbounded).await.problem(400, "form_invalid");
    send_form(&t, "nonsense", whole).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = "request_timeout = \"2s\"\nheader_timeout = \"1s\"".to_owned();
    let t = TestServer::with(Setup { server, deadline: "1s", ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    let head = |length: usize| {
        format!(
            "POST /v1/me/avatar HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n--{BOUNDARY}",
            phone.access_token()
        )
    };
    let mut slow = Wire::to(&t).await;
    slow.say(head(1000).as_bytes()).await;
    let answer = slow.answer().await;
    assert_eq!(answer.status, 408, "{}", answer.body);
    upload(&phone, &t, &sample("camera.jpg")).await.ok(200);
}

#[tokio::test]
async fn nothing_but_pictures_is_ever_read() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let address = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    let name = address.rsplit('/').next().unwrap();
    std::fs::write(t.folder.path().join("avatars").join("secret"), "hush").unwrap();
    for odd in [
        "..%2f..%2fmenjin.db",
        "..%2fmenjin.db",
        "%2e%2e%2fmenjin.db",
        "secret",
        "%00",
        ".",
        "..%5c..%5cx",
        &name.to_uppercase(),
        &name.replace(".jpg", ".png"),
        &name.replace(".jpg", ".jpg.part"),
        &name[1..],
        &format!("0{name}"),
        &format!("{}.jpg", "0".repeat(64)),
        &format!("{}.jpg", "é".repeat(32)),
    ] {
        let answer = t.anon().get(&format!("/avatars/{odd}")).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{odd}: {}", answer.status);
        assert!(!answer.text.contains("hush") && !answer.text.contains("SQLite"), "{odd}");
    }
    t.advance(Duration::from_secs(1));
    assert_eq!(fetch(&address).await.0, 200);
}
