//! PNG: the chunks that make up the picture (W3C PNG, third edition).
//!
//! Of a moving one (APNG) the picture stays that programs show which know no others.

use super::{Rest, bytes, check_size};
use crate::problem::Fault;

pub(super) const MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What changes how the pixels look, beside what every picture has.
const KEPT: [&[u8; 4]; 8] = [b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs"];

/// What is kept of what stands behind the magic.
pub(super) fn cleaned(file: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut rest = Rest(file);
    let mut out = MAGIC.to_vec();
    let header = chunk(&mut rest)?;
    if header.kind != *b"IHDR" {
        return Err(Fault::BrokenPicture);
    }
    check_header(header.data)?;
    out.extend(header.whole);
    let mut has_pixels = false;
    loop {
        let Chunk { kind, data, whole } = chunk(&mut rest)?;
        match &kind {
            b"IEND" if has_pixels && data.is_empty() => {
                out.extend(whole);
                return Ok(out);
            }
            b"IDAT" => {
                has_pixels = true;
                out.extend(whole);
            }
            b"PLTE" => out.extend(whole),
            kind if KEPT.contains(&kind) => out.extend(whole),
            // A lower-case letter marks what a program need not know.
            [first, ..] if first.is_ascii_lowercase() => {}
            _ => return Err(Fault::BrokenPicture),
        }
    }
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// With its length and checksum.
    whole: &'a [u8],
}

fn chunk<'a>(rest: &mut Rest<'a>) -> Result<Chunk<'a>, Fault> {
    let length = u32::from_be_bytes(bytes(rest.0, 0)?) as usize;
    let whole = rest.take(length.checked_add(12).ok_or(Fault::BrokenPicture)?)?;
    Ok(Chunk { kind: bytes(whole, 4)?, data: &whole[8..8 + length], whole })
}

fn check_header(data: &[u8]) -> Result<(), Fault> {
    if data.len() != 13 {
        return Err(Fault::BrokenPicture);
    }
    let [depth, colour, compression, filter, interlace] = bytes(data, 8)?;
    let is_known = match colour {
        0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(depth, 8 | 16),
        _ => false,
    };
    if !is_known || compression != 0 || filter != 0 || interlace > 1 {
        return Err(Fault::BrokenPicture);
    }
    check_size(u32::from_be_bytes(bytes(data, 0)?), u32::from_be_bytes(bytes(data, 4)?))
}
