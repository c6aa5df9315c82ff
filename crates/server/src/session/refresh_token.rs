//! The refresh token on the wire: `mjr_` and base64url of version, master-key id, grant, counter and MAC (design §4.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{GrantId, Id};
use subtle::ConstantTimeEq as _;

use crate::seal::{MasterKeyId, Sealer};

const PREFIX: &str = "mjr_";
const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + 16 + 4;
const LENGTH: usize = HEAD + 32;

/// A refresh token as somebody presented it: well formed, not yet believed.
pub(super) struct Presented {
    bytes: [u8; LENGTH],
}

impl Presented {
    /// `None` for what was never a refresh token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|rest| rest.len() == LENGTH.div_ceil(3) * 4)?;
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()?;
        (bytes[0] == VERSION).then_some(Self { bytes })
    }

    pub(super) fn grant(&self) -> GrantId {
        Id::from_bytes(self.bytes[5..21].try_into().expect("sixteen of a fixed length"))
    }

    pub(super) fn counter(&self) -> u32 {
        u32::from_be_bytes(self.bytes[21..25].try_into().expect("four of a fixed length"))
    }

    /// Whether we made it for this grant.
    pub(super) fn is_ours(&self, sealer: &Sealer, secret: &[u8]) -> bool {
        let id: MasterKeyId = self.bytes[1..5].try_into().expect("four of a fixed length");
        let Some(mac) = sealer.refresh_mac(id, &[&self.bytes[..HEAD], secret]) else { return false };
        mac.ct_eq(&self.bytes[HEAD..]).into()
    }
}

/// The refresh token of a grant at this counter, under the present master key.
pub(super) fn mint(sealer: &Sealer, grant: GrantId, counter: u32, secret: &[u8]) -> String {
    let mut bytes = [0; LENGTH];
    bytes[0] = VERSION;
    bytes[1..5].copy_from_slice(&sealer.present());
    bytes[5..21].copy_from_slice(&grant.to_bytes());
    bytes[21..25].copy_from_slice(&counter.to_be_bytes());
    let mac = sealer.refresh_mac(sealer.present(), &[&bytes[..HEAD], secret]).expect("the present key is configured");
    bytes[HEAD..].copy_from_slice(&mac);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MasterKey;

    #[test]
    fn a_minted_token_is_ours_and_any_other_is_not() {
        let sealer = Sealer::new(&[MasterKey::new([7; 32])]);
        let grant = Id::from_bytes([9; 16]);
        let token = mint(&sealer, grant, 41, b"secret");
        let presented = Presented::parse(&token).unwrap();
        assert_eq!((presented.grant(), presented.counter()), (grant, 41));
        assert!(presented.is_ours(&sealer, b"secret"));
        assert!(!presented.is_ours(&sealer, b"other"));
        for at in PREFIX.len()..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Presented::parse(&changed).is_none_or(|it| !it.is_ours(&sealer, b"secret")), "{at}");
        }
        for odd in
            ["", "mjr_", "mjr_AAAA", &token[..token.len() - 1], &format!("{token}A"), &token.replace("mjr_", "mjx_")]
        {
            assert!(Presented::parse(odd).is_none(), "{odd}");
        }
    }
}
