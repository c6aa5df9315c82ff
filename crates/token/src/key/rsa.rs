//! What an RSA public key must be: 2048 to 8192 bits, odd, an exponent of 65537 or more, not a ROCA modulus.
//!
//! Lives here: those checks, and reading `n` and `e` out of an `RSAPublicKey` (RFC 8017 appendix A.1.1).

use super::KeyError;

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;
/// The least exponent that is taken; all in practice is 65537 itself (NIST SP 800-56B allows no less).
const MIN_EXPONENT: u128 = 65_537;
/// Primes whose residues give a ROCA modulus away: `n` is a power of 65537 modulo each of them
/// (CVE-2017-15361). A sound modulus is one for all of them once in about 2^27.
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Refuses a modulus and exponent that nobody should trust. Both are big-endian.
pub(super) fn check(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let (Some(&first), Some(&last)) = (n.first(), n.last()) else {
        return Err(KeyError::Malformed);
    };
    if first == 0 || e.first().is_none_or(|&byte| byte == 0) {
        return Err(KeyError::Malformed); // RFC 7518 section 6.3.1: the least number of octets.
    }
    let bits = n.len() * 8 - first.leading_zeros() as usize;
    if bits < MIN_BITS {
        return Err(KeyError::TooShort);
    }
    if bits > MAX_BITS {
        return Err(KeyError::Unsupported);
    }
    if last % 2 == 0 || !sound_exponent(e) || is_roca(n) {
        return Err(KeyError::Weak);
    }
    Ok(())
}

fn sound_exponent(e: &[u8]) -> bool {
    if e.len() > 8 {
        return false;
    }
    let exponent = e.iter().fold(0, |value: u128, &byte| value << 8 | u128::from(byte));
    exponent >= MIN_EXPONENT && exponent % 2 == 1
}

fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| is_power_of_65537(residue(n, prime), prime))
}

fn residue(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = generator;
    loop {
        if power == value {
            return true;
        }
        if power == 1 {
            return false;
        }
        power = power * generator % prime;
    }
}

/// `n` and `e` of `SEQUENCE { INTEGER n, INTEGER e }`, without leading zeros.
pub(super) fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = element(der, 0x30)?;
    let (n, after) = element(body, 0x02)?;
    let (e, end) = element(after, 0x02)?;
    (rest.is_empty() && end.is_empty()).then(|| (unsigned(n), unsigned(e)))
}

fn unsigned(integer: &[u8]) -> &[u8] {
    match integer {
        [0, rest @ ..] => rest,
        all => all,
    }
}

/// The contents of the first element, which must have this tag, and what follows it.
pub(super) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    if short < 0x80 {
        return rest.split_at_checked(usize::from(short));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
    if octets.len() > 3 {
        return None;
    }
    let len = octets.iter().fold(0, |len, &octet| len << 8 | usize::from(octet));
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 65537 plus a multiple of every marker prime, with 2048 bits.
    fn roca_modulus() -> [u8; 256] {
        let product: u128 = ROCA_PRIMES.iter().map(|&prime| u128::from(prime)).product();
        let mut n = [0; 256];
        n[..16].copy_from_slice(&(product << product.leading_zeros()).to_be_bytes());
        n[253..].copy_from_slice(&[1, 0, 1]);
        n
    }

    #[test]
    fn a_modulus_that_is_a_power_of_65537_modulo_every_marker_prime_is_refused() {
        assert_eq!(check(&roca_modulus(), &[1, 0, 1]), Err(KeyError::Weak));
    }

    #[test]
    fn a_modulus_that_misses_one_marker_prime_is_not_taken_for_a_roca_one() {
        let mut n = roca_modulus();
        n[255] = 3; // 65539 is 3 modulo 11 and no power of 65537, which are 1 and 10.
        assert_eq!(check(&n, &[1, 0, 1]), Ok(()));
    }

    #[test]
    fn an_integer_with_a_sign_octet_is_read_without_it() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x85, 0x02, 0x02, 0x01, 0x01];
        assert_eq!(modulus_and_exponent(&der), Some((&[0x85][..], &[1, 1][..])));
    }

    #[test]
    fn cut_short_der_is_not_read() {
        let der = [0x30, 0x08, 0x02, 0x02, 0x00, 0x85, 0x02, 0x02, 0x01];
        assert_eq!(modulus_and_exponent(&der), None);
        assert_eq!(modulus_and_exponent(&[0x30, 0x84, 0, 0, 0, 0]), None);
    }
}
