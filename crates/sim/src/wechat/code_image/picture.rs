//! Squares on a quiet ground, and PNGs of them: the code that somebody scans, the picture that somebody uploads.

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, QrCode};
use sha2::{Digest, Sha256};

/// The margin that readers need, in dots.
const QUIET: usize = 4;
/// Of a dot of the avatar.
const AVATAR_DOT: usize = 16;

/// A square of dots, each of them so many blocks of eight pixels wide.
pub(crate) struct Dots {
    side: usize,
    scale: usize,
    dark: Vec<bool>,
}

impl Dots {
    /// About so many pixels wide, and never less than a block a dot.
    pub(crate) fn of(code: &QrCode, width: u32) -> Self {
        let inner = code.width();
        let side = inner + 2 * QUIET;
        let colours = code.to_colors();
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < inner);
        let dark = |at: usize| match (inside(at % side), inside(at / side)) {
            (Some(x), Some(y)) => colours[y * inner + x] == Color::Dark,
            (None, _) | (_, None) => false,
        };
        let scale = (usize::try_from(width).unwrap_or(0) / (side * 8)).max(1);
        Self { side, scale, dark: (0..side * side).map(dark).collect() }
    }

    /// The width in blocks of eight pixels.
    pub(super) fn blocks(&self) -> usize {
        self.side * self.scale
    }

    pub(super) fn is_dark(&self, column: usize, row: usize) -> bool {
        self.dark[row / self.scale * self.side + column / self.scale]
    }

    /// Dots of that colour on nothing.
    pub(super) fn png(&self, colour: [u8; 3]) -> Vec<u8> {
        let width = self.blocks() * 8;
        let pixels: Vec<u8> =
            (0..width * width).map(|at| u8::from(self.is_dark(at % width / 8, at / width / 8))).collect();
        indexed(width, &pixels, [[255; 3], colour], Some(&[0, 255]))
    }
}

/// The picture of somebody who has chosen none: five by five dots that mirror themselves, in a colour of their own.
pub(crate) fn avatar(person: &str) -> Vec<u8> {
    let digest = Sha256::digest(person);
    let width = 8 * AVATAR_DOT;
    let dot = |at: usize| at.checked_sub(AVATAR_DOT * 3 / 2).map(|at| at / AVATAR_DOT).filter(|dot| *dot < 5);
    let pixel = |at: usize| match (dot(at % width), dot(at / width)) {
        (Some(x), Some(y)) => u8::from(digest[y * 3 + x.min(4 - x)] % 2 == 0),
        (None, _) | (_, None) => 0,
    };
    let pixels: Vec<u8> = (0..width * width).map(pixel).collect();
    let colour = [digest[29], digest[30], digest[31]].map(|part| 32 + part % 160);
    indexed(width, &pixels, [[242, 242, 242], colour], None)
}

fn indexed(width: usize, pixels: &[u8], palette: [[u8; 3]; 2], transparency: Option<&'static [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let side = u32::try_from(width).expect("pictures are small");
    let mut encoder = Encoder::new(&mut out, side, side);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.concat());
    if let Some(transparency) = transparency {
        encoder.set_trns(transparency);
    }
    let mut writer = encoder.write_header().expect("a Vec takes all that is written");
    writer.write_image_data(pixels).expect("there are width times width pixels");
    writer.finish().expect("a Vec takes all that is written");
    out
}
