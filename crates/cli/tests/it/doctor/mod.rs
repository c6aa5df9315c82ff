//! `menjin doctor` over a menjin that serves, the simulator at WeChat's own hosts, and everything that goes wrong in between.

mod certificates;
mod scene;

use std::fs;

use menjin_sim::{App, CallFilter, Fault, FaultKind, Platform};

use self::certificates::self_signed;
use self::scene::{Behind, KEY, OTHER_KEY, SECRET, Scene};
use crate::harness::run_in;

const TOKEN: &str = "/cgi-bin/stable_token";

#[test]
fn a_menjin_that_is_well_is_told_so() {
    let scene = Scene::new();
    let (_server, port) = scene.serve("");
    let said = scene.doctor(&[]);
    for check in [
        "configuration",
        "files",
        "limits",
        "store",
        "master_key",
        "clock",
        "certificate",
        "public_url",
        "discovery",
        "ready",
        "proxy",
        "admin",
        "credentials",
    ] {
        let found = said.of(check);
        assert!(!found.is_empty() && found.iter().all(|it| it[0] == "ok"), "{check}: {:#}", said.all);
    }
    said.has("ok", "credentials", &["shop", "wx0123456789abcdef"]);
    said.has("ok", "public_url", &[&format!("https://localhost:{port}"), env!("CARGO_PKG_VERSION")]);
    said.has("warning", "domain", &["127.0.0.1", "phones"]);
    if cfg!(unix) {
        let disk = said.of("disk");
        assert!(disk.len() == 1 && disk[0][1].contains("are free on the disk of"), "{disk:?}");
    }
    assert_eq!(said.code, Some(0), "{:#}", said.all);
    assert_eq!(said.all["by_hand"].as_array().map(Vec::len), Some(0));
}

#[test]
fn going_live_is_judged_as_platforms_do_and_lists_what_only_people_can_see() {
    let scene = Scene::new();
    let (_server, port) =
        scene.serve("need = [\"profile\", \"phone\"]\n[limits]\nenabled = false\n[lifetimes]\naudit = \"30d\"\ndeletion_cooling_off = \"60d\"\n");
    assert_eq!(scene.doctor(&[]).code, Some(0));
    let said = scene.doctor(&["--go-live"]);
    said.fails("domain", &["127.0.0.1"]);
    said.fails("limits", &["limits.enabled"]);
    said.fails("retention", &["lifetimes.audit", "180d"]);
    said.fails("deletion", &["lifetimes.deletion_cooling_off", "15d"]);
    let by_hand = said.all["by_hand"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>();
    let listed = |words: &[&str]| by_hand.iter().any(|item| words.iter().all(|word| item.contains(word)));
    let site = format!("https://localhost:{port}");
    for words in [
        &["ICP"][..],
        &["shop", "request domains", &site],
        &["shop", "uploadFile", &site],
        &["shop", "privacy guide", "nickname", "avatar", "phone number"],
        &["IP 白名单"],
        &["close their account", "DELETE /v1/me"],
        &["privacy policy", "[[consent]]"],
        &["backups", "privacy policy"],
        &["six months"],
        &["master key", "restore"],
    ] {
        assert!(listed(words), "{words:?} in {by_hand:#?}");
    }
    scene.change("need = [\"profile\", \"phone\"]", "profile = \"none\"\nneed = []");
    let said = scene.doctor(&["--go-live"]);
    let text = said.all["by_hand"].to_string();
    assert!(!text.contains("nickname") && !text.contains("phone number") && !text.contains("uploadFile"), "{text}");
}

#[test]
fn people_read_it_in_their_language_with_what_to_do_below_each_finding() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    let chinese = scene.run("zh_CN.UTF-8", &["--go-live"]);
    assert_eq!(chinese.code, Some(1));
    for words in
        ["故障    ", "domain", "域名 nowhere.menjin.invalid 解析不到", "→ ", "需要人工确认：", "[ ] ", "ICP 备案"]
    {
        assert!(chinese.out.contains(words), "{words}: {}", chinese.out);
    }
    let english = scene.run("C.UTF-8", &[]);
    assert!(
        english.out.contains("failure ") && english.out.contains("nowhere.menjin.invalid has no address"),
        "{}",
        english.out
    );
}

#[test]
fn what_wechat_says_of_the_credentials_is_told_with_its_remedy() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    scene.put("shop.secret", "fedcba9876543210fedcba9876543210");
    scene.doctor(&[]).fails("credentials", &["shop", "40125", "AppSecret"]);
    scene.put("shop.secret", SECRET);
    scene.doctor(&[]).has("ok", "credentials", &["shop"]);
    let refuse = |errcode, errmsg: Option<&str>| {
        let errmsg = errmsg.map(str::to_owned);
        scene.sim.add_fault(Fault::once(FaultKind::Errcode { errcode, errmsg }).on(TOKEN));
        scene.doctor(&[])
    };
    refuse(40164, Some("invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist"))
        .fails("credentials", &["203.0.113.9", "40164", "IP 白名单"]);
    refuse(40243, None).fails("credentials", &["40243", "frozen"]);
    scene.change("wx0123456789abcdef", "wxfedcba9876543210");
    scene.doctor(&[]).fails("credentials", &["40013", "AppID"]);
}

#[test]
fn other_platforms_are_asked_with_a_code_that_is_nobodys() {
    let scene = Scene::new();
    for app in [
        App::of(Platform::Qq, "1110000001", SECRET),
        App::of(Platform::Douyin, "tt0123456789abcdef01", SECRET),
        App::of(Platform::Alipay, "2021000000000001", "").with_public_key(menjin_sim::APP_PUBLIC_KEY),
        App::website("wxaaaaaaaaaaaaaaaa", SECRET),
    ] {
        scene.sim.add_app(app);
    }
    let app = |id: &str, platform: &str, appid: &str| {
        format!("[[app]]\nid = \"{id}\"\nkind = \"mini_program\"\nplatform = \"{platform}\"\nappid = \"{appid}\"\n")
    };
    let secret = "secret_file = \"shop.secret\"\n";
    let site = "[[app]]\nid = \"site\"\nkind = \"web\"\nplatform = \"wechat\"\nsign_in = \"website\"\nappid = \"wxaaaaaaaaaaaaaaaa\"\nredirect_uris = [\"https://localhost/in\"]\n";
    let keys = "private_key_file = \"alipay.key\"\nalipay_public_key_file = \"alipay.pub\"\n";
    let apps = [
        format!("{}{secret}", app("penguin", "qq", "1110000001")),
        format!("{}{secret}", app("note", "douyin", "tt0123456789abcdef01")),
        format!("{}{keys}", app("ant", "alipay", "2021000000000001")),
        format!("{site}{secret}"),
    ];
    scene.configure("https://nowhere.menjin.invalid", &apps.concat());
    scene.put("alipay.key", menjin_sim::APP_PRIVATE_KEY);
    scene.put("alipay.pub", menjin_sim::ALIPAY_PUBLIC_KEY);
    let said = scene.doctor(&[]);
    for id in ["penguin", "note", "ant", "site", "shop"] {
        said.has("ok", "credentials", &[&format!("app {id}:")]);
    }
    scene.put("shop.secret", "fedcba9876543210fedcba9876543210");
    let said = scene.doctor(&[]);
    for id in ["penguin", "note", "site", "shop"] {
        said.fails("credentials", &[&format!("app {id}:"), "refuses"]);
    }
    said.has("ok", "credentials", &["app ant:"]);
    scene.change("2021000000000001", "2021000000000002");
    scene.doctor(&[]).fails("credentials", &["app ant:", "refuses"]);
}

#[test]
fn asking_about_the_credentials_replaces_no_token() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    let before = scene.wechats_token();
    // By then a new one would be given to whoever forces it.
    scene.sim.advance(60);
    scene.doctor(&[]).has("ok", "credentials", &["shop"]);
    assert_eq!(scene.wechats_token(), before);
    let asked = CallFilter { path: Some(TOKEN.to_owned()), ..CallFilter::default() };
    assert_eq!(scene.sim.calls(&asked).len(), 3);
}

#[test]
fn apps_that_are_registered_in_the_store_are_looked_at_too() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    let shop = fs::read_to_string(scene.folder.path().join("menjin.toml")).unwrap();
    scene.put("menjin.toml", shop.split_once("[[app]]").unwrap().0);
    scene.doctor(&[]).fails("configuration", &["`app`: is missing", "menjin app add"]);
    run_in(scene.folder.path(), &["migrate"]).ok();
    let add = ["app", "add", "club", "--kind", "mini_program", "--appid", "wx0123456789abcdef"];
    let mut command = crate::harness::menjin(&add);
    let secret = fs::File::open(scene.folder.path().join("shop.secret")).unwrap();
    let added = command.current_dir(scene.folder.path()).stdin(secret).output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let text = fs::read_to_string(scene.folder.path().join("menjin.toml")).unwrap();
    scene.put("menjin.toml", &format!("{text}[audience.club]\ntyp = \"JWT\"\n"));
    let said = scene.doctor(&["--go-live"]);
    said.has("ok", "credentials", &["app club:"]);
    said.has("ok", "configuration", &[]);
    assert!(said.of("configuration").iter().all(|it| it[0] == "ok"), "{:#}", said.all);
    said.has("ok", "clock", &["api.weixin.qq.com"]);
    let by_hand = said.all["by_hand"].to_string();
    for words in [
        "club: the request domains",
        "club: the uploadFile domains",
        "club: the privacy guide",
        "IP 白名单",
        "[[consent]]",
    ] {
        assert!(by_hand.contains(words), "{words}: {by_hand}");
    }
    run_in(scene.folder.path(), &["app", "disable", "club"]).ok();
    let by_hand = scene.doctor(&["--go-live"]).all["by_hand"].to_string();
    assert!(!by_hand.contains("club") && !by_hand.contains("IP 白名单"), "{by_hand}");
}

#[test]
fn a_certificate_that_phones_refuse_is_told_apart_from_others() {
    let scene = Scene::new();
    let meets = |behind: Behind| {
        let (port, door) = scene.door();
        scene.configure(&format!("https://localhost:{port}"), "");
        scene.open(door, behind);
        scene.doctor(&[])
    };
    let authority = &scene.authority;
    let names = &["localhost"];
    let expired = authority.shown_until(names, 2024);
    meets(Behind::Certificate(expired)).fails("certificate", &["expired on 2024-01-01"]);
    meets(Behind::Certificate(authority.shown(&["other.menjin.test"]))).fails("certificate", &["not for localhost"]);
    meets(Behind::Certificate(authority.alone(names))).fails("certificate", &["incomplete", "fullchain.pem"]);
    meets(Behind::Certificate(self_signed("localhost"))).fails("certificate", &["self-signed"]);
    let strangers = certificates::Authority::new("whom nobody trusts").shown(names);
    meets(Behind::Certificate(strangers)).fails("certificate", &["nobody trusts"]);
    // An alert: protocol_version.
    meets(Behind::Bytes(b"\x15\x03\x01\x00\x02\x02\x46")).fails("certificate", &["TLS 1.2"]);
    meets(Behind::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")).fails("certificate", &["does not answer with TLS"]);
    let (port, door) = scene.door();
    drop(door);
    scene.configure(&format!("https://localhost:{port}"), "");
    scene.doctor(&[]).fails("certificate", &["can't be reached from here", "firewalls"]);
}

#[test]
fn plain_http_and_what_serve_refuses_fail_too() {
    let scene = Scene::new();
    let (port, door) = scene.door();
    scene.configure(&format!("http://localhost:{port}"), "");
    scene.open(door, Behind::Bytes(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
    let said = scene.doctor(&[]);
    said.fails("configuration", &["server.public_url", "https"]);
    said.fails("public_url", &["not menjin answers", "404"]);
    scene.put("menjin.toml", "[server]\nno_such_key = 1\n");
    scene.doctor(&[]).fails("configuration", &["no_such_key"]);
}

#[test]
fn another_menjin_or_another_address_is_not_taken_for_this_one() {
    let scene = Scene::new();
    let (_server, port) = scene.serve("");
    let own = format!("https://localhost:{port}");
    scene.change(&own, &format!("https://127.0.0.1:{port}"));
    scene.doctor(&[]).fails("public_url", &["calls itself", &own]);
    scene.change("https://127.0.0.1", "https://localhost");
    scene.put("secret.key", OTHER_KEY);
    scene.change("[admin]", "[store]\nurl = \"sqlite://other.db\"\n[admin]");
    scene.doctor(&[]).fails("same_key", &["another master key"]);
}

#[test]
fn a_forged_address_that_is_believed_is_found() {
    let scene = Scene::new();
    let (_server, _) = scene.serve("");
    scene.doctor(&[]).has("ok", "proxy", &["not believed"]);
    let scene = Scene::new();
    // Whoever connects is taken for a proxy, and passes on what came.
    let (port, door) = scene.door();
    scene.configure(&format!("https://localhost:{port}"), "[tls]\ncert = \"chain.pem\"\nkey = \"key.pem\"\n");
    scene.change("[server]\n", "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let shown = scene.authority.shown(&["localhost"]);
    scene.put("chain.pem", &shown.chain);
    scene.put("key.pem", &shown.key);
    let server = scene.start();
    let line: serde_json::Value = serde_json::from_str(server.page.lines().last().unwrap()).unwrap();
    scene.open(door, Behind::Server(line["server.listen"].as_str().unwrap().parse().unwrap()));
    scene.doctor(&[]).fails("proxy", &["believed", "X-Forwarded-For"]);
}

#[test]
fn a_clock_that_differs_from_the_platforms_is_told() {
    let scene = Scene::new();
    let (port, door) = scene.door();
    scene.configure("https://nowhere.menjin.invalid", &format!("base_url = \"http://127.0.0.1:{port}\"\n"));
    scene.open(door, Behind::Bytes(b"HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"));
    let said = scene.doctor(&[]);
    said.fails("clock", &["127.0.0.1", "NTP"]);
    said.fails("credentials", &["could not be asked"]);
}

#[test]
fn a_store_that_is_down_or_sealed_under_another_key_is_told() {
    let scene = Scene::new();
    let (port, door) = scene.door();
    drop(door);
    let url = format!("postgres://menjin:hunter2@127.0.0.1:{port}/menjin");
    scene.configure(
        "https://nowhere.menjin.invalid",
        &format!("[store]\nurl = \"{url}\"\n[redis]\nurl = \"redis://:hunter2@127.0.0.1:{port}\"\n"),
    );
    let said = scene.doctor(&[]);
    said.fails("store", &["postgres://", "store.url"]);
    said.has("warning", "redis", &["redis.url"]);
    scene.configure("https://nowhere.menjin.invalid", "");
    scene.doctor(&[]).has("warning", "store", &["does not exist yet"]);
    assert!(!scene.folder.path().join("menjin.db").exists(), "the doctor makes nothing");
    run_in(scene.folder.path(), &["key", "rotate"]).refused(&["menjin.db"]);
    run_in(scene.folder.path(), &["migrate"]).ok();
    run_in(scene.folder.path(), &["key", "list"]).ok();
    let said = scene.doctor(&[]);
    said.has("ok", "store", &["menjin.db"]);
    said.has("ok", "master_key", &["opens"]);
    scene.put("secret.key", OTHER_KEY);
    scene.doctor(&[]).fails("master_key", &["old_secret_keys"]);
    scene.put("secret.key", KEY);
    scene.doctor(&[]).has("ok", "master_key", &["opens"]);
}

#[test]
fn a_store_of_an_older_program_is_told_and_left_as_it_is() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "[store]\nmigrate = \"check\"\n");
    run_in(scene.folder.path(), &["migrate"]).ok();
    let store = rusqlite::Connection::open(scene.folder.path().join("menjin.db")).unwrap();
    let version = || store.query_row("SELECT max(version) FROM _migrations", [], |row| row.get::<_, u32>(0)).unwrap();
    let needed = version();
    store.execute("DELETE FROM _migrations WHERE version = ?", [needed]).unwrap();
    let words = [format!("version {}", needed - 1), format!("needs {needed}"), "`menjin migrate`".to_owned()];
    scene.doctor(&[]).fails("store", &words.each_ref().map(String::as_str));
    scene.change("\"check\"", "\"auto\"");
    scene.doctor(&[]).has("warning", "store", &[&words[0], &words[1], "`menjin backup` first"]);
    assert_eq!(version(), needed - 1);
}

#[cfg(unix)]
#[test]
fn files_that_others_may_read_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    let open =
        |name: &str| fs::set_permissions(scene.folder.path().join(name), PermissionsExt::from_mode(0o644)).unwrap();
    open("shop.secret");
    scene.doctor(&[]).has("warning", "configuration", &["shop.secret", "chmod 600"]);
    run_in(scene.folder.path(), &["migrate"]).ok();
    open("menjin.db");
    let store = scene.folder.path().join("menjin.db");
    let looks = || (fs::metadata(&store).unwrap().permissions().mode() & 0o777, fs::read(&store).unwrap());
    let before = looks();
    // However often it is asked: it mends nothing.
    for _ in 0..2 {
        scene.doctor(&["--go-live"]).fails("files", &["menjin.db", "chmod 600"]);
        scene.doctor(&[]).has("ok", "store", &["menjin.db"]);
    }
    assert!(looks() == before && before.0 == 0o644, "{:o}", looks().0);
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    let scene = Scene::new();
    scene.configure("https://nowhere.menjin.invalid", "");
    let file = scene.folder.path().join("menjin.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let before = fs::read(&file).unwrap();
    scene.doctor(&[]).has("warning", "store", &["version 0"]);
    assert!(fs::read(&file).unwrap() == before, "the doctor has written into it");
}

#[test]
fn several_apps_of_one_platform_without_an_open_account_are_remarked_on() {
    let scene = Scene::new();
    let other = "[[app]]\nid = \"club\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wxfedcba9876543210\"\nsecret = \"x1\"\n";
    scene.configure("https://nowhere.menjin.invalid", other);
    scene.doctor(&[]).has("warning", "open_account", &["club, shop", "open.weixin.qq.com"]);
    scene.configure(
        "https://nowhere.menjin.invalid",
        &format!("open_account = \"acme\"\n{other}open_account = \"acme\"\n"),
    );
    scene.doctor(&[]).has("ok", "open_account", &[]);
}

#[test]
fn an_address_for_pushes_that_does_not_answer_is_found() {
    let scene = Scene::new();
    let (_server, port) =
        scene.serve("push_token = \"pamtest\"\npush_aes_key = \"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\"\n");
    scene.doctor(&[]).has("ok", "push", &[&format!("https://localhost:{port}/v1/push/shop")]);
    scene.change("pamtest", "another");
    scene.doctor(&[]).fails("push", &["/v1/push/shop", "push_token"]);
}

#[cfg(unix)]
mod behind_nginx {
    use menjin_testbed::Nginx;

    use super::scene::Scene;

    const APPENDS: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

    #[test]
    fn what_a_real_proxy_makes_of_a_request_is_seen() {
        let scene = Scene::new();
        let shown = scene.authority.shown(&["localhost"]);
        scene.put("chain.pem", &shown.chain);
        scene.put("key.pem", &shown.key);
        let folder = scene.folder.path().display();
        let server = |inside: &str| {
            format!(
                "server {{ listen LISTEN ssl; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem; {inside} }}"
            )
        };
        let nginx = Nginx::start(&server("return 503;")).unwrap();
        let port = nginx.port();
        scene.configure(&format!("https://localhost:{port}"), "");
        let start = || {
            let menjin = scene.start();
            let line: serde_json::Value = serde_json::from_str(menjin.page.lines().last().unwrap()).unwrap();
            (menjin, line["server.listen"].as_str().unwrap().to_owned())
        };
        let through = |menjin: &str, header: &str| {
            nginx.reload(&server(&format!("location / {{ proxy_pass http://{menjin}; {header} }}"))).unwrap();
            scene.doctor(&[])
        };
        let (stranger, listen) = start();
        through(&listen, APPENDS).has("warning", "proxy", &["127.0.0.1", "server.trusted_proxies"]);
        drop(stranger);
        scene.change("[server]\n", "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n");
        let (_menjin, listen) = start();
        through(&listen, APPENDS).has("ok", "proxy", &["not believed"]);
        through(&listen, "proxy_set_header X-Forwarded-For $remote_addr;").has("ok", "proxy", &["not believed"]);
        through(&listen, "").fails("proxy", &["is believed", "X-Forwarded-For"]);
        through(&listen, "proxy_set_header X-Forwarded-For \"\";").has("warning", "proxy", &["does not tell"]);
    }
}
