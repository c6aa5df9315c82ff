//! `POST /v1/me/avatar`, `GET /avatars/{name}`: from the phone's file to an address that everybody can open.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use menjin_server::store::Actor;
use menjin_token::UserId;
use serde_json::{Value, json};

use super::{address, fetch, sample, upload, wx};
use crate::harness::{Setup, TestServer};

/// All files below the folder.
fn files(t: &TestServer) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(t.folder.path().join("avatars")).into_iter().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// As if a file had been written long ago.
fn age(path: &PathBuf) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
}

#[tokio::test]
async fn a_chosen_picture_becomes_an_address() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let chosen = STANDARD.decode(wx(&t, "chooseAvatar", "alice").await["file"].as_str().unwrap()).unwrap();
    let body = upload(&phone, &t, &chosen).await.ok(200);
    let address = address(&body);
    let name = address.strip_prefix(&format!("{}/avatars/", t.url)).unwrap();
    assert!(name.len() == 68 && std::path::Path::new(name).extension().is_some_and(|it| it == "png"), "{name}");
    assert_eq!(phone.get("/v1/me").await.ok(200), body);
    let (status, headers, bytes) = fetch(&address).await;
    assert_eq!((status.as_u16(), bytes), (200, chosen));
    for (header, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "public, max-age=86400, immutable"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        assert_eq!(headers.get(header).unwrap(), value);
    }
    let signed_in = t.phone_of("alice").login(json!({})).await.ok(200);
    assert_eq!(signed_in["user"]["avatar_url"], address);
}

#[tokio::test]
async fn each_kind_is_served_as_what_it_is_without_what_it_told_beside() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    for (file, kind, extension) in [
        ("camera.jpg", "image/jpeg", ".jpg"),
        ("camera.png", "image/png", ".png"),
        ("camera.webp", "image/webp", ".webp"),
    ] {
        let address = address(&upload(&phone, &t, &sample(file)).await.ok(200));
        assert!(address.ends_with(extension), "{address}");
        let (_, headers, bytes) = fetch(&address).await;
        assert_eq!(headers["content-type"], kind);
        assert!(!bytes.windows(6).any(|it| it == b"SECRET"), "{file}");
    }
}

#[tokio::test]
async fn a_replaced_picture_is_gone() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let first = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    let second = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    assert_ne!(first, second, "an address stands for one picture");
    let (status, headers, _) = fetch(&first).await;
    assert_eq!((status.as_u16(), &headers["cache-control"]), (404, &"no-store".parse().unwrap()));
    assert_eq!(fetch(&second).await.0, 200);
    assert_eq!(files(&t).len(), 1);
}

#[tokio::test]
async fn somebody_elses_picture_is_never_taken_down() {
    let t = TestServer::start().await;
    let (alice, eve) = (t.phone("alice").await, t.phone("eve").await);
    let hers = address(&upload(&alice, &t, &sample("camera.jpg")).await.ok(200));
    eve.put("/v1/me", json!({"avatar_url": hers})).await.ok(200);
    upload(&eve, &t, &sample("camera.png")).await.ok(200);
    assert_eq!(fetch(&hers).await.0, 200);
}

#[tokio::test]
async fn of_two_uploads_at_once_one_stays_and_nothing_is_left_over() {
    let t = TestServer::start().await;
    let beside = t.beside(Setup::default()).await;
    let phone = t.phone("alice").await;
    let elsewhere = beside.phone_with_token(&phone.access_token());
    let picture = sample("camera.jpg");
    let nodes = [(&t, &phone), (&beside, &elsewhere)].repeat(5);
    let uploads = nodes.into_iter().map(|(server, phone)| upload(phone, server, &picture));
    for answer in join_all(uploads).await {
        answer.ok(200);
    }
    let shown = address(&phone.get("/v1/me").await.ok(200));
    assert_eq!(fetch(&shown).await.0, 200);
    for file in files(&t) {
        age(&file);
    }
    beside.menjin.upkeep().await.unwrap();
    assert_eq!(files(&t).len(), 1, "all but the one that is shown");
    assert_eq!(fetch(&shown).await.0, 200);
}

#[tokio::test]
async fn both_nodes_show_what_one_took() {
    let t = TestServer::start().await;
    let beside = t.beside(Setup::default()).await;
    let phone = t.phone("alice").await;
    let first = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    let there = first.replace(&t.url, &beside.url);
    assert_eq!(fetch(&there).await.0, 200);
    let second = upload(&beside.phone_with_token(&phone.access_token()), &beside, &sample("camera.png")).await.ok(200);
    assert_eq!(fetch(&first).await.0, 404, "replaced on the other node");
    assert_eq!(fetch(&address(&second)).await.0, 200);
}

#[tokio::test]
async fn what_nobody_shows_any_more_is_swept_once_it_is_old() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let kept = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    let bob = t.phone("bob").await;
    let left = address(&upload(&bob, &t, &sample("camera.png")).await.ok(200));
    bob.put("/v1/me", json!({"avatar_url": "https://example.com/bob.png"})).await.ok(200);
    let unfinished =
        files(&t).into_iter().find(|it| left.ends_with(it.file_name().unwrap().to_str().unwrap())).unwrap();
    let part = PathBuf::from(format!("{}.part", unfinished.display()));
    std::fs::write(&part, "half a picture").unwrap();
    let stranger = part.with_file_name("README");
    std::fs::write(&stranger, "not menjin's").unwrap();
    t.menjin.upkeep().await.unwrap();
    assert_eq!(files(&t).len(), 4, "an upload may be under way");
    for file in files(&t) {
        age(&file);
    }
    t.menjin.upkeep().await.unwrap();
    assert_eq!(fetch(&left).await.0, 404);
    assert!(!part.exists() && stranger.exists());
    assert_eq!(fetch(&kept).await.0, 200);
}

/// Undone within thirty days, it gives back what each of them showed.
#[tokio::test]
async fn what_a_merge_left_behind_is_there_again_when_it_is_undone() {
    let t = TestServer::start().await;
    t.freeze();
    let by = Actor::command();
    for (nth, has_own) in [(1, true), (2, false)] {
        let (alice, bob) = (t.phone(&format!("alice {nth}")).await, t.phone(&format!("bob {nth}")).await);
        let hers = address(&upload(&alice, &t, &sample("camera.jpg")).await.ok(200));
        if has_own {
            upload(&bob, &t, &sample("camera.webp")).await.ok(200);
        }
        let [from, into]: [UserId; 2] = [&alice, &bob].map(|it| it.user_id().parse().unwrap());
        t.menjin.merge_users(&by, (from, into), false).await.unwrap();
        let shown = address(&bob.get("/v1/me").await.ok(200));
        assert_eq!(shown == hers, !has_own);
        let his = address(&upload(&bob, &t, &sample("camera.png")).await.ok(200));
        files(&t).iter().for_each(age);
        t.menjin.upkeep().await.unwrap();
        t.menjin.unmerge_user(&by, from).await.unwrap();
        assert_eq!(t.menjin.account(from).await.unwrap().avatar_url.as_ref(), Some(&hers));
        assert_eq!((fetch(&hers).await.0.as_u16(), fetch(&his).await.0.as_u16()), (200, 200), "{has_own}");

        t.menjin.merge_users(&by, (from, into), false).await.unwrap();
        t.advance(Duration::from_hours(31 * 24));
        for _ in ["the merge is final", "and hers is shown by nobody"] {
            t.menjin.upkeep().await.unwrap();
        }
        assert_eq!((fetch(&hers).await.0.as_u16(), fetch(&his).await.0.as_u16()), (404, 200), "{has_own}");
    }
}

#[tokio::test]
async fn addresses_begin_as_configured_and_the_former_ones_go_on() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let old = address(&upload(&phone, &t, &sample("camera.jpg")).await.ok(200));
    let toml = "[avatars]\nurl = \"https://cdn.example.com/a/\"\nfolder = \"avatars\"".to_owned();
    let moved = t.beside(Setup { toml, ..Setup::default() }).await;
    for file in files(&t) {
        age(&file);
    }
    moved.menjin.upkeep().await.unwrap();
    assert_eq!(fetch(&old).await.0, 200, "it is shown by its former address");
    let phone = moved.phone_with_token(&phone.access_token());
    let new = address(&upload(&phone, &moved, &sample("camera.jpg")).await.ok(200));
    let name = new.strip_prefix("https://cdn.example.com/a/").unwrap();
    assert_eq!(fetch(&format!("{}/avatars/{name}", moved.url)).await.0, 200);
}

#[tokio::test]
async fn an_app_that_keeps_no_profile_takes_no_picture() {
    let t = TestServer::with(Setup { shop: "profile = \"none\"".into(), ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    upload(&phone, &t, &sample("camera.jpg")).await.problem(422, "profile_not_kept");
    assert_eq!(files(&t), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_that_can_not_be_written_is_told_and_changes_nothing() {
    let t = TestServer::start().await;
    std::fs::write(t.folder.path().join("avatars"), "in the way").unwrap();
    let phone = t.phone("alice").await;
    let refused = upload(&phone, &t, &sample("camera.jpg")).await;
    assert!(!refused.text.contains("avatars"), "{}", refused.text);
    refused.problem(503, "store_unavailable");
    assert_eq!(phone.get("/v1/me").await.ok(200)["user"]["avatar_url"], Value::Null);
}

#[tokio::test]
async fn one_person_uploads_so_often_in_a_minute() {
    let limits = "enabled = true\nper_person = 2".to_owned();
    let t = TestServer::with(Setup { limits, ..Setup::default() }).await;
    let phone = t.phone("alice").await;
    for _ in 0..2 {
        upload(&phone, &t, &sample("camera.jpg")).await.ok(200);
    }
    upload(&phone, &t, &sample("camera.jpg")).await.problem(429, "too_many_requests");
    t.advance(Duration::from_secs(1));
    upload(&t.phone("bob").await, &t, &sample("camera.jpg")).await.ok(200);
}
