//! A JPEG of black and white squares: baseline, grey, each block of eight by eight one shade.
//!
//! Such a block has nothing but a mean, so two tables of a few codes do. ITU T.81 is the text for all of it.

use super::picture::Dots;

/// The mean is quantized by eight: white is 127, black is -128.
const WHITE: i32 = 127;
const BLACK: i32 = -128;

pub(super) fn of(dots: &Dots) -> Vec<u8> {
    let side = dots.blocks();
    let length = u16::try_from(side * 8).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = vec![0xff, 0xd8];
    out.extend(b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00");
    out.extend(b"\xff\xdb\x00\x43\x00");
    out.extend([8; 64]);
    out.extend([0xff, 0xc0, 0, 11, 8, length[0], length[1], length[0], length[1], 1, 1, 0x11, 0]);
    out.extend(huffman(0x00, &[0, 7, 8]));
    out.extend(huffman(0x10, &[0]));
    out.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00");
    let mut bits = Bits::default();
    let mut before = 0;
    for row in 0..side {
        for column in 0..side {
            let mean = if dots.is_dark(column, row) { BLACK } else { WHITE };
            bits.mean(mean - before);
            before = mean;
        }
    }
    out.extend(bits.finished());
    out.extend(b"\xff\xd9");
    out
}

/// A table in which the first symbol is `0`, the second `10`, the third `110`.
fn huffman(class: u8, symbols: &[u8]) -> Vec<u8> {
    let count = u8::try_from(symbols.len()).unwrap_or(0);
    let mut out = vec![0xff, 0xc4, 0, 19 + count, class];
    out.extend((0..16).map(|length| u8::from(length < count)));
    out.extend(symbols);
    out
}

#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    waiting: u32,
    count: u32,
}

impl Bits {
    /// The difference to the mean of the block before, and that the block has nothing else.
    fn mean(&mut self, difference: i32) {
        match difference {
            0 => self.put(0b0, 1),
            WHITE => self.category(0b10, 2, (7, difference)),
            _ => self.category(0b110, 3, (8, difference)),
        }
        self.put(0b0, 1);
    }

    /// A negative number is written as itself less one, in the bits of its category.
    fn category(&mut self, code: u32, length: u32, (category, difference): (u32, i32)) {
        self.put(code, length);
        let written = if difference < 0 { difference + (1 << category) - 1 } else { difference };
        self.put(u32::try_from(written).unwrap_or(0), category);
    }

    fn put(&mut self, bits: u32, length: u32) {
        self.waiting = (self.waiting << length) | bits;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = u8::try_from((self.waiting >> self.count) & 0xff).unwrap_or(0);
            self.out.push(byte);
            // What could be taken for a marker is followed by a zero.
            if byte == 0xff {
                self.out.push(0);
            }
        }
        self.waiting &= (1 << self.count) - 1;
    }

    fn finished(mut self) -> Vec<u8> {
        self.put(0x7f, 7);
        self.out
    }
}
