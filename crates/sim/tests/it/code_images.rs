//! Codes to be scanned. Other people's readers of JPEG, PNG and QR codes are the judges.

use std::io::Cursor;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Platforms, SHOP};

const UNLIMITED: &str = "/wxa/getwxacodeunlimit";

struct Picture {
    content_type: String,
    used: Option<String>,
    bytes: Vec<u8>,
}

async fn draw(platforms: &Platforms, path: &str, body: Value) -> Picture {
    let token = platforms.access_token(SHOP).await;
    let request = platforms.request(reqwest::Method::POST, &format!("{path}?access_token={token}")).json(&body);
    let response = request.send().await.expect("the simulator answers");
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let (content_type, used) = (header("content-type").expect("it has a type"), header("num-used"));
    Picture { content_type, used, bytes: response.bytes().await.expect("it is whole").to_vec() }
}

impl Picture {
    /// Width and shades of grey.
    fn pixels(&self) -> (usize, Vec<u8>) {
        match self.content_type.as_str() {
            "image/jpeg" => {
                let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(&self.bytes));
                let pixels = decoder.decode().expect("a JPEG");
                (decoder.info().expect("it was read").width.into(), pixels)
            }
            "image/png" => {
                let mut decoder = png::Decoder::new(Cursor::new(&self.bytes)).read_info().expect("a PNG");
                let mut dots = vec![0; decoder.output_buffer_size().expect("it is small")];
                let width = decoder.next_frame(&mut dots).expect("a whole PNG").width;
                let shades = dots.iter().map(|dot| if *dot == 0 { 255 } else { 0 }).collect();
                (usize::try_from(width).expect("it is small"), shades)
            }
            other => panic!("{other}: {}", String::from_utf8_lossy(&self.bytes)),
        }
    }

    fn read(&self) -> String {
        let (width, pixels) = self.pixels();
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, width, |x, y| pixels[y * width + x]);
        let grids = prepared.detect_grids();
        grids.first().expect("there is a code in the picture").decode().expect("the code can be read").1
    }
}

#[tokio::test]
async fn a_code_holds_its_scene_and_opens_the_page() {
    let platforms = Platforms::start().await;
    let body = json!({ "scene": "t=aB-_1&x", "page": "pages/scan/scan", "env_version": "trial", "width": "430" });
    let picture = draw(&platforms, "/wxa/getwxacodeunlimit", body).await;
    assert_eq!((picture.content_type.as_str(), &picture.used), ("image/jpeg", &None));
    let read = picture.read();
    assert_eq!(read, format!("https://servicewechat.com/{SHOP}/trial/pages/scan/scan?scene=t%3DaB-_1%26x"));
    let opened = platforms.control("/_sim/wx/launch", json!({ "result": read })).await;
    let expected = json!({
        "appId": SHOP, "path": "pages/scan/scan", "query": { "scene": "t%3DaB-_1%26x" }, "scene": 1047, "referrerInfo": {},
    });
    assert_eq!(opened, expected);
    let scanned = platforms.control("/_sim/wx/scanCode", json!({ "result": read })).await;
    assert_eq!(
        (&scanned["scanType"], &scanned["path"]),
        (&json!("WX_CODE"), &json!("pages/scan/scan?scene=t%253DaB-_1%2526x"))
    );
}

#[tokio::test]
async fn a_code_without_a_ground_is_a_png_in_the_colour_that_was_asked_for() {
    let platforms = Platforms::start().await;
    let colour = json!({ "r": "200", "g": 10, "b": 0 });
    let body = json!({ "scene": "1", "is_hyaline": true, "line_color": colour, "width": 1280 });
    let picture = draw(&platforms, "/wxa/getwxacodeunlimit", body).await;
    assert!(picture.read().ends_with("/release/pages/index/index?scene=1"), "{}", picture.read());
    let decoder = png::Decoder::new(Cursor::new(&picture.bytes)).read_info().expect("a PNG");
    let info = decoder.info();
    assert_eq!(info.palette.as_deref(), Some(&[255, 255, 255, 200, 10, 0][..]));
    assert_eq!(info.trns.as_deref(), Some(&[0, 255][..]));
    assert!((900..=1280).contains(&info.width), "{}", info.width);
}

#[tokio::test]
async fn the_codes_of_both_limited_kinds_are_counted_together() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "quotas": { "limited_codes": 2 } })).await;
    let first = draw(&platforms, "/wxa/getwxacode", json!({ "path": "pages/a/a?id=1" })).await;
    assert_eq!(
        (first.used.as_deref(), first.read().as_str()),
        (Some("1"), &*format!("https://servicewechat.com/{SHOP}/release/pages/a/a?id=1"))
    );
    let second = draw(&platforms, "/cgi-bin/wxaapp/createwxaqrcode", json!({ "path": "/pages/b/b" })).await;
    assert_eq!(second.used.as_deref(), Some("2"));
    refused(&platforms, "/wxa/getwxacode", json!({ "path": "pages/c/c" }), (45029, "qrcode count out of limit")).await;
}

async fn refused(platforms: &Platforms, path: &str, body: Value, (errcode, text): (i64, &str)) {
    let token = platforms.access_token(SHOP).await;
    let answer = platforms.post(&format!("{path}?access_token={token}"), body).await;
    answer.refused(errcode, text);
    assert_eq!(answer.content_type, "application/json; encoding=utf-8");
}

#[tokio::test]
async fn a_refusal_is_json() {
    let platforms = Platforms::start().await;
    platforms.control("/_sim/policy", json!({ "missing_pages": ["pages/no/no"] })).await;
    let refuse = async |body: Value, error| refused(&platforms, UNLIMITED, body, error).await;
    refuse(json!({}), (40129, "invalid scene")).await;
    let bad = (40169, "invalid length for scene, or the data is not json string");
    refuse(json!({ "scene": "a".repeat(33) }), bad).await;
    refuse(json!({ "scene": "100%" }), bad).await;
    for page in ["/pages/a/a", "pages/a/a?b=1", "pages/no/no"] {
        refuse(json!({ "scene": "a", "page": page }), (41030, "invalid page")).await;
    }
    refuse(json!({ "scene": "a", "width": 100 }), (40097, "invalid args")).await;
    refuse(json!({ "scene": "a", "env_version": "beta" }), (40097, "invalid args")).await;
    let unchecked = json!({ "scene": "a", "page": "pages/no/no", "check_path": false });
    assert_eq!(draw(&platforms, UNLIMITED, unchecked).await.content_type, "image/jpeg");
    let long = (40159, "invalid length for path, or the data is not json string");
    refused(&platforms, "/wxa/getwxacode", json!({ "path": "a".repeat(1025) }), long).await;
    refused(&platforms, "/cgi-bin/wxaapp/createwxaqrcode", json!({ "path": "a".repeat(129) }), long).await;
    let reserved = (85096, "not allow include scancode_time field");
    refused(&platforms, "/wxa/getwxacode", json!({ "path": "a?scancode_time=1" }), reserved).await;
    platforms.control("/_sim/policy", json!({ "quotas": { "unlimited_code_minute": 0 } })).await;
    refuse(json!({ "scene": "a" }), (45009, "reach max api daily quota limit")).await;
}
