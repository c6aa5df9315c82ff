//! JPEG: the segments that make up the picture (ITU-T T.81), and of its EXIF which way up it is.
//!
//! Cameras write pictures as they hold them and say beside how to turn them: without that, people would lie on their sides.

use super::{Rest, bytes, check_size};
use crate::problem::Fault;

pub(super) const MAGIC: [u8; 3] = [0xff, 0xd8, 0xff];

const QUANTISATION: u8 = 0xdb;
const HUFFMAN: u8 = 0xc4;
const RESTART_INTERVAL: u8 = 0xdd;
const SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const JFIF: u8 = 0xe0;
const EXIF: u8 = 0xe1;
const COLOURS: u8 = 0xe2;
const ADOBE: u8 = 0xee;
/// A progressive picture has about ten; each costs whoever shows it as much as a picture.
const MOST_SCANS: u32 = 64;

/// What is kept of what stands behind the magic.
pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut rest = Rest(file);
    let mut body = Vec::with_capacity(file.len());
    let mut orientation = None;
    let (mut has_exif, mut has_frame, mut scans) = (false, false, 0);
    // The magic ends with the first marker's beginning.
    let mut marker = kind(&mut rest)?;
    loop {
        if marker == END && scans > 0 {
            body.extend([0xff, END]);
            return Ok(put_together(orientation, &body));
        }
        let segment = segment(&mut rest)?;
        match marker {
            0xc0..=0xc2 if !has_frame => {
                let [height, width] = [bytes(segment, 1)?, bytes(segment, 3)?].map(u16::from_be_bytes);
                check_size(width.into(), height.into())?;
                has_frame = true;
                keep(&mut body, marker, segment);
            }
            QUANTISATION | HUFFMAN | RESTART_INTERVAL => keep(&mut body, marker, segment),
            COLOURS if segment.starts_with(b"ICC_PROFILE\0") => keep(&mut body, marker, segment),
            ADOBE if segment.starts_with(b"Adobe") => keep(&mut body, marker, segment),
            JFIF if segment.starts_with(b"JFIF\0") => {
                // Without its thumbnail, which may show what was cut off.
                keep(&mut body, marker, &[&bytes::<12>(segment, 0)?[..], &[0, 0]].concat());
            }
            // The first alone, as those who show pictures do; other programs write other things under this marker.
            EXIF if !has_exif => {
                if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                    has_exif = true;
                    orientation = orientation_in(tiff);
                }
            }
            SCAN if has_frame && scans < MOST_SCANS => {
                scans += 1;
                keep(&mut body, marker, segment);
                body.extend(pixels(&mut rest)?);
            }
            // Other data of programs, and comments.
            0xe0..=0xef | 0xfe => {}
            _ => return Err(Fault::BrokenPicture),
        }
        let [begin] = rest.array()?;
        if begin != 0xff {
            return Err(Fault::BrokenPicture);
        }
        marker = kind(&mut rest)?;
    }
}

/// The marker behind its beginning, which may be written several times.
fn kind(rest: &mut Rest<'_>) -> Result<u8, Fault> {
    loop {
        let [kind] = rest.array()?;
        if kind != 0xff {
            return Ok(kind);
        }
    }
}

fn segment<'a>(rest: &mut Rest<'a>) -> Result<&'a [u8], Fault> {
    let length = usize::from(u16::from_be_bytes(rest.array()?));
    rest.take(length.checked_sub(2).ok_or(Fault::BrokenPicture)?)
}

fn keep(body: &mut Vec<u8>, marker: u8, segment: &[u8]) {
    let length = u16::try_from(segment.len() + 2).unwrap_or(u16::MAX);
    body.extend([0xff, marker]);
    body.extend(length.to_be_bytes());
    body.extend(segment);
}

/// The data behind a scan's header, up to the next marker that is none of its own.
fn pixels<'a>(rest: &mut Rest<'a>) -> Result<&'a [u8], Fault> {
    let mut at = 0;
    loop {
        at += rest.0[at..].iter().position(|byte| *byte == 0xff).ok_or(Fault::BrokenPicture)?;
        match rest.0.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return rest.take(at),
            None => return Err(Fault::BrokenPicture),
        }
    }
}

/// The number of EXIF's orientation, if it is one.
fn orientation_in(tiff: &[u8]) -> Option<u8> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |data: &[u8], at: usize| {
        let bytes: [u8; 2] = bytes(data, at).ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let first: [u8; 4] = bytes(tiff, 4).ok()?;
    let first = if is_little { u32::from_le_bytes(first) } else { u32::from_be_bytes(first) };
    let directory = tiff.get(usize::try_from(first).ok()?..)?;
    let entry = entries(directory, short(directory, 0)?).find(|entry| short(entry, 0) == Some(0x0112))?;
    u8::try_from(short(entry, 8)?).ok().filter(|it| (2..=8).contains(it))
}

/// What stands in a directory: no more than there is room for, however many it says there are.
pub(super) fn entries(directory: &[u8], count: u16) -> impl Iterator<Item = &[u8]> {
    directory.get(2..).unwrap_or_default().chunks_exact(12).take(count.into())
}

fn put_together(orientation: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    if let Some(orientation) = orientation {
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        keep(&mut out, EXIF, &exif);
    }
    out.extend(body);
    out
}
