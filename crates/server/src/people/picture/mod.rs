//! What is a picture, told by its bytes alone; and what of it is kept.
//!
//! A picture is taken apart down to its pixels' data, which stay as they are, and put together from what shows them: places,
//! cameras, thumbnails, comments and what stands behind the end are left out. Nothing is decompressed here.

mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use crate::problem::Fault;

/// Longest side, in pixels: what shows a picture needs four bytes for each.
const LONGEST_SIDE: u32 = 4096;

/// A picture, ready to be shown to everybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// What is kept. No SVG, which is a program; no GIF, which moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    WebP,
}

impl Kind {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }

    pub(super) fn by_extension(text: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::WebP].into_iter().find(|kind| kind.extension() == text)
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }
}

impl Picture {
    /// What is kept of an uploaded file.
    pub(super) fn cleaned(file: &[u8]) -> Result<Self, Fault> {
        let (kind, bytes) = if let Some(rest) = file.strip_prefix(&jpeg::MAGIC) {
            (Kind::Jpeg, jpeg::cleaned(rest)?)
        } else if let Some(rest) = file.strip_prefix(&png::MAGIC) {
            (Kind::Png, png::cleaned(rest)?)
        } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
            (Kind::WebP, webp::cleaned(file)?)
        } else {
            return Err(Fault::NotAPicture);
        };
        Ok(Self { kind, bytes })
    }
}

/// Whether anybody could show a picture of this size.
fn check_size(width: u32, height: u32) -> Result<(), Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::BrokenPicture);
    }
    if width.max(height) > LONGEST_SIDE { Err(Fault::TooManyPixels(LONGEST_SIDE)) } else { Ok(()) }
}

/// What is left of a file, taken piece by piece; a piece that is not there means a broken picture.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (piece, rest) = self.0.split_at_checked(length).ok_or(Fault::BrokenPicture)?;
        self.0 = rest;
        Ok(piece)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| Fault::BrokenPicture)
    }
}

/// The bytes from `at` on, as an array.
fn bytes<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], Fault> {
    let piece = data.get(at..).and_then(|rest| rest.first_chunk::<N>());
    piece.copied().ok_or(Fault::BrokenPicture)
}
