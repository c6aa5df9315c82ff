//! Pictures as other programs write them, with what they tell beside, and everything that only looks like one.

use proptest::prelude::*;

use super::{Kind, Picture, jpeg};
use crate::problem::Fault;

const CAMERA_JPG: &[u8] = include_bytes!("../../../tests/pictures/camera.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/pictures/progressive.jpg");
const CAMERA_PNG: &[u8] = include_bytes!("../../../tests/pictures/camera.png");
const MOVING_PNG: &[u8] = include_bytes!("../../../tests/pictures/moving.png");
const CAMERA_WEBP: &[u8] = include_bytes!("../../../tests/pictures/camera.webp");
const LOSSLESS: &[u8] = include_bytes!("../../../tests/pictures/lossless.webp");
const SEE_THROUGH: &[u8] = include_bytes!("../../../tests/pictures/see_through.webp");
const MOVING_WEBP: &[u8] = include_bytes!("../../../tests/pictures/moving.webp");

const ALL: [(Kind, &[u8]); 8] = [
    (Kind::Jpeg, CAMERA_JPG),
    (Kind::Jpeg, PROGRESSIVE),
    (Kind::Png, CAMERA_PNG),
    (Kind::Png, MOVING_PNG),
    (Kind::WebP, CAMERA_WEBP),
    (Kind::WebP, LOSSLESS),
    (Kind::WebP, SEE_THROUGH),
    (Kind::WebP, MOVING_WEBP),
];

fn cleaned(file: &[u8]) -> Picture {
    Picture::cleaned(file).unwrap()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Changes the bytes from the first place where `found` stands.
fn with(file: &[u8], found: &[u8], offset: usize, new: &[u8]) -> Vec<u8> {
    let at = file.windows(found.len()).position(|window| window == found).unwrap() + offset;
    let mut file = file.to_vec();
    file[at..at + new.len()].copy_from_slice(new);
    file
}

fn jpeg_pixels(file: &[u8]) -> Vec<u8> {
    jpeg_decoder::Decoder::new(file).decode().unwrap()
}

fn png_pixels(file: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

#[test]
fn what_a_picture_tells_beside_itself_is_gone_and_its_pixels_stay() {
    for file in [CAMERA_JPG, PROGRESSIVE, CAMERA_PNG, CAMERA_WEBP] {
        assert!(has(file, "SECRET"), "the sample has something to hide");
        assert!(!has(&cleaned(file).bytes, "SECRET"));
    }
    for file in [CAMERA_JPG, PROGRESSIVE] {
        assert_eq!(jpeg_pixels(&cleaned(file).bytes), jpeg_pixels(file));
    }
    for file in [CAMERA_PNG, MOVING_PNG] {
        assert_eq!(png_pixels(&cleaned(file).bytes), png_pixels(file));
    }
    assert!(!has(&cleaned(MOVING_PNG).bytes, "fdAT"), "of a moving one the first picture stays");
}

#[test]
fn a_picture_stays_the_way_up_that_it_was() {
    let kept = cleaned(CAMERA_JPG).bytes;
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    assert!(kept[2..].starts_with(exif), "{:x?}", &kept[..64]);
    let upright = with(CAMERA_JPG, b"\x01\x12\0\x03", 8, &[0, 1]);
    assert!(!has(&cleaned(&upright).bytes, "Exif"), "what stands as it is needs no word");
    for odd in [[0, 0], [0, 9], [1, 6]] {
        assert!(!has(&cleaned(&with(CAMERA_JPG, b"\x01\x12\0\x03", 8, &odd)).bytes, "Exif"), "{odd:?}");
    }
}

/// A segment of EXIF that says it has more entries than anything could hold.
const LYING_EXIF: &[u8] = b"\xff\xe1\0\x12Exif\0\0MM\0*\0\0\0\x08\xff\xff";

#[test]
fn no_more_entries_are_looked_at_than_a_segment_has_room_for() {
    for length in [0, 1, 2, 13, 14, 25, 26, 1000] {
        let directory = vec![0; length];
        assert_eq!(jpeg::entries(&directory, u16::MAX).count(), length.saturating_sub(2) / 12, "{length}");
        assert!(jpeg::entries(&directory, 1).count() <= 1, "nor than it says");
    }
}

#[test]
fn the_first_exif_alone_tells_which_way_up_a_picture_is() {
    let (begin, rest) = CAMERA_JPG.split_at(2);
    let behind_a_lie = [begin, LYING_EXIF, rest].concat();
    assert!(!has(&cleaned(&behind_a_lie).bytes, "Exif"));
    let other_data = b"\xff\xe1\0\x1fhttp://ns.adobe.com/xap/1.0/\0";
    assert_eq!(cleaned(&[begin, other_data, rest].concat()), cleaned(CAMERA_JPG), "what is no EXIF is none");
    let only_lies = [begin, &LYING_EXIF.repeat(2 * 1024 * 1024 / LYING_EXIF.len())].concat();
    assert_eq!(Picture::cleaned(&only_lies), Err(Fault::BrokenPicture));
}

#[test]
fn a_clean_picture_is_kept_as_it_is() {
    assert_eq!(cleaned(LOSSLESS), Picture { kind: Kind::WebP, bytes: LOSSLESS.to_vec() });
    for (kind, file) in ALL.into_iter().filter(|(_, file)| *file != MOVING_WEBP) {
        let once = cleaned(file);
        assert_eq!(once.kind, kind);
        assert_eq!(cleaned(&once.bytes), once);
    }
}

#[test]
fn what_stands_behind_the_end_is_cut_off() {
    let zip = b"PK\x03\x04 and a whole archive, <script>alert(1)</script>";
    for (_, file) in ALL.into_iter().filter(|(_, file)| *file != MOVING_WEBP) {
        assert_eq!(cleaned(&[file, zip].concat()), cleaned(file));
    }
}

#[test]
fn what_is_no_picture_is_refused_whatever_it_is_called() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let page = b"<!DOCTYPE html><script>alert(1)</script>";
    let html_in_front = [&page[..], CAMERA_JPG].concat();
    let files: [&[u8]; 9] = [
        b"",
        svg,
        page,
        &html_in_front,
        b"GIF89a\x01\0\x01\0/*<svg onload=alert(1)>*/",
        b"PK\x03\x04",
        b"%PDF-1.7",
        b"BM\0\0",
        b"RIFF\x04\0\0\0WAVE",
    ];
    for file in files {
        assert_eq!(Picture::cleaned(file), Err(Fault::NotAPicture), "{}", String::from_utf8_lossy(file));
    }
}

#[test]
fn a_picture_that_was_cut_short_is_broken() {
    for (kind, file) in ALL {
        let begin = if kind == Kind::Jpeg { 3 } else { 12 };
        for end in begin..file.len() {
            let refused = Picture::cleaned(&file[..end]).unwrap_err();
            assert!(matches!(refused, Fault::BrokenPicture | Fault::MovingPicture), "{kind:?} {end}");
        }
    }
}

#[test]
fn a_picture_of_a_size_that_nobody_could_show_is_refused() {
    let jpeg = |width: u16, height: u16| {
        let sides = [height.to_be_bytes(), width.to_be_bytes()].concat();
        with(CAMERA_JPG, b"\xff\xc0\0\x11\x08", 5, &sides)
    };
    let png =
        |width: u32, height: u32| with(CAMERA_PNG, b"IHDR", 4, &[width.to_be_bytes(), height.to_be_bytes()].concat());
    let webp = |bits: u32| with(LOSSLESS, b"VP8L", 9, &bits.to_le_bytes());
    let lossy = |width: u16| with(SEE_THROUGH, b"\x9d\x01\x2a", 3, &width.to_le_bytes());
    let canvas = |side: u32| with(SEE_THROUGH, b"VP8X", 12, &side.to_le_bytes()[..3]);
    for good in [jpeg(4096, 4096), png(4096, 1), webp(4095), lossy(4096), canvas(4095)] {
        assert!(Picture::cleaned(&good).is_ok());
    }
    let huge = [
        jpeg(4097, 1),
        jpeg(1, 65535),
        png(4097, 8),
        png(8, u32::MAX),
        webp(4096),
        webp(4096 << 14),
        lossy(5000),
        canvas(0x00ff_ffff),
    ];
    for (nth, huge) in huge.into_iter().enumerate() {
        assert_eq!(Picture::cleaned(&huge), Err(Fault::TooManyPixels(4096)), "{nth}");
    }
    for empty in [jpeg(0, 8), jpeg(8, 0), png(0, 8), png(8, 0), lossy(0)] {
        assert_eq!(Picture::cleaned(&empty), Err(Fault::BrokenPicture));
    }
}

#[test]
fn a_moving_webp_is_refused() {
    assert_eq!(Picture::cleaned(MOVING_WEBP), Err(Fault::MovingPicture));
}

#[test]
fn lengths_that_lie_are_broken_pictures() {
    let lies = [
        with(CAMERA_PNG, b"IHDR", 0, b"IDAT"),
        with(CAMERA_PNG, b"IDAT", 0, b"QDAT"),
        [&CAMERA_PNG[..8], &[0xff; 40]].concat(),
        [&CAMERA_PNG[..8], &[0; 40]].concat(),
        [&CAMERA_JPG[..2], &[0xff, 0xe0, 0, 1]].concat(),
        [&CAMERA_JPG[..2], &[0xff, 0xe0, 0xff, 0xff, 0]].concat(),
        [&CAMERA_JPG[..2], &vec![0xff; 100_000]].concat(),
        with(CAMERA_JPG, b"\xff\xc0", 1, &[0xc3]),
        with(LOSSLESS, b"VP8L", 4, &[0xff; 4]),
        with(LOSSLESS, b"RIFF", 4, &[0xff; 4]),
        with(LOSSLESS, b"RIFF", 4, &[4, 0, 0, 0]),
    ];
    for (nth, lie) in lies.iter().enumerate() {
        assert_eq!(Picture::cleaned(lie), Err(Fault::BrokenPicture), "{nth}");
    }
    let scan_at = CAMERA_JPG.windows(2).position(|it| it == b"\xff\xda").unwrap();
    let scan = &CAMERA_JPG[scan_at..CAMERA_JPG.len() - 2];
    let many = [&CAMERA_JPG[..scan_at], &scan.repeat(65), b"\xff\xd9"].concat();
    assert_eq!(Picture::cleaned(&many), Err(Fault::BrokenPicture), "each scan costs those who show it");
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_picture_it_is_refused_or_clean(
        which in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut file = ALL[which].1.to_vec();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if is_cut {
            file.truncate(end.index(file.len()));
        }
        if let Ok(picture) = Picture::cleaned(&file) {
            prop_assert!(picture.bytes.len() <= file.len() + 40);
            prop_assert_eq!(Picture::cleaned(&picture.bytes), Ok(picture));
        }
    }
}
