//! WebP: the chunks that make up a picture that stands still (RFC 9649).

use super::{Rest, bytes, check_size};
use crate::problem::Fault;

/// Of `VP8X`: that there is EXIF, and XMP.
const TOLD_BESIDE: u8 = 0x08 | 0x04;
const MOVES: u8 = 0x02;

/// What is kept of a whole file.
pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Fault> {
    let size = u32::from_le_bytes(bytes(file, 4)?) as usize;
    let end = size.checked_add(8).ok_or(Fault::BrokenPicture)?;
    let mut rest = Rest(file.get(12..end).ok_or(Fault::BrokenPicture)?);
    let mut body = b"WEBP".to_vec();
    let mut pictures = 0;
    while !rest.0.is_empty() {
        let kind: [u8; 4] = rest.array()?;
        let length = u32::from_le_bytes(rest.array()?) as usize;
        let data = rest.take(length)?;
        if length % 2 == 1 {
            rest.take(1)?;
        }
        match &kind {
            b"VP8X" if body.len() == 4 => keep(&mut body, kind, &extended(data)?),
            b"VP8 " => {
                lossy_size(data)?;
                pictures += 1;
                keep(&mut body, kind, data);
            }
            b"VP8L" => {
                lossless_size(data)?;
                pictures += 1;
                keep(&mut body, kind, data);
            }
            b"ALPH" | b"ICCP" => keep(&mut body, kind, data),
            b"ANIM" | b"ANMF" => return Err(Fault::MovingPicture),
            b"VP8X" => return Err(Fault::BrokenPicture),
            _ => {}
        }
    }
    if pictures != 1 {
        return Err(Fault::BrokenPicture);
    }
    let length = u32::try_from(body.len()).map_err(|_| Fault::BrokenPicture)?;
    Ok([b"RIFF", &length.to_le_bytes()[..], &body].concat())
}

fn keep(body: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    body.extend(kind);
    body.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    body.extend(data);
    if data.len() % 2 == 1 {
        body.push(0);
    }
}

fn extended(data: &[u8]) -> Result<[u8; 10], Fault> {
    let mut header: [u8; 10] = data.try_into().map_err(|_| Fault::BrokenPicture)?;
    if header[0] & MOVES != 0 {
        return Err(Fault::MovingPicture);
    }
    header[0] &= !TOLD_BESIDE;
    let side = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]) + 1;
    check_size(side(4), side(7))?;
    Ok(header)
}

fn lossy_size(data: &[u8]) -> Result<(), Fault> {
    let is_key_frame = data.first().is_some_and(|tag| tag & 1 == 0);
    if !is_key_frame || data.get(3..6) != Some(&[0x9d, 0x01, 0x2a]) {
        return Err(Fault::BrokenPicture);
    }
    let side = |at: usize| bytes(data, at).map(|it| u32::from(u16::from_le_bytes(it) & 0x3fff));
    check_size(side(6)?, side(8)?)
}

fn lossless_size(data: &[u8]) -> Result<(), Fault> {
    if data.first() != Some(&0x2f) {
        return Err(Fault::BrokenPicture);
    }
    let bits = u32::from_le_bytes(bytes(data, 1)?);
    check_size((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
}
