//! Reading claims in one pass: a member twice, a wrong type or a number that is no time refuses the whole.
//!
//! A malformed registered claim is never the same as an absent one (CVE-2026-25537, RFC 8725 section 2.4).

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Claims, Field};
use crate::Timestamp;
use crate::strict::{self, Strict};

/// Which claim was being read when reading failed.
#[derive(Default)]
pub(crate) struct Place(Cell<Option<&'static str>>);

impl Place {
    pub(crate) fn claim(&self) -> Option<&'static str> {
        self.0.get()
    }
}

/// Reads claims; after a failure `place` names the claim at fault, when it is one of ours.
pub(crate) fn read(json: &str, place: &Place) -> Result<Claims, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let claims = ClaimsVisitor(place).deserialize(&mut reader)?;
    reader.end()?;
    Ok(claims)
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ClaimsVisitor(&Place::default()).deserialize(deserializer)
    }
}

struct ClaimsVisitor<'p>(&'p Place);

impl<'de> DeserializeSeed<'de> for ClaimsVisitor<'_> {
    type Value = Claims;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Claims, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ClaimsVisitor<'_> {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::expiring(Timestamp::default());
        let mut seen = 0_u32;
        while let Some(name) = members.next_key::<Name>()? {
            let field = match name {
                Name::Registered(field) => field,
                Name::Other(name) => {
                    let value = members.next_value_seed(Strict::MEMBER)?;
                    strict::insert(&mut claims.extra, name, value)?;
                    continue;
                }
            };
            self.0.0.set(Some(field.name()));
            if seen & bit(field) != 0 {
                return Err(de::Error::duplicate_field(field.name()));
            }
            seen |= bit(field);
            read_field(field, &mut claims, &mut members)?;
            self.0.0.set(None);
        }
        if seen & bit(Field::Exp) == 0 {
            self.0.0.set(Some(Field::Exp.name()));
            return Err(de::Error::missing_field(Field::Exp.name()));
        }
        Ok(claims)
    }
}

const fn bit(field: Field) -> u32 {
    1 << field as u16
}

fn read_field<'de, A: MapAccess<'de>>(field: Field, claims: &mut Claims, members: &mut A) -> Result<(), A::Error> {
    match field {
        Field::Iss => claims.iss = Some(members.next_value()?),
        Field::Sub => claims.sub = Some(members.next_value()?),
        Field::Aud => claims.aud = members.next_value_seed(OneOrMany)?,
        Field::Exp => claims.exp = members.next_value_seed(NumericDate)?,
        Field::Iat => claims.iat = Some(members.next_value_seed(NumericDate)?),
        Field::Nbf => claims.nbf = Some(members.next_value_seed(NumericDate)?),
        Field::Jti => claims.jti = Some(members.next_value()?),
        Field::Sid => claims.sid = Some(members.next_value()?),
        Field::ClientId => claims.client_id = Some(members.next_value()?),
        Field::AuthTime => claims.auth_time = Some(members.next_value_seed(NumericDate)?),
        Field::Amr => claims.amr = members.next_value()?,
        Field::Scope => claims.scope = Some(members.next_value()?),
        Field::Roles => claims.roles = members.next_value()?,
        Field::Permissions => claims.permissions = members.next_value()?,
        Field::RolesVersion => claims.roles_version = Some(members.next_value()?),
        Field::MoreRoles => claims.has_more_roles = members.next_value()?,
        Field::TokenUse => claims.token_use = Some(members.next_value()?),
    }
    Ok(())
}

/// A member's name; `Other` owns it because it becomes a key of `extra`.
enum Name {
    Registered(Field),
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(match Field::named(name) {
                    Some(field) => Name::Registered(field),
                    None => Name::Other(name.to_owned()),
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

/// `aud`: a string or an array of strings (RFC 7519 section 4.1.3).
struct OneOrMany;

impl<'de> DeserializeSeed<'de> for OneOrMany {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: de::Error>(self, one: &str) -> Result<Vec<String>, E> {
        Ok(vec![one.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<Vec<String>, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = many.next_element()? {
            list.push(one);
        }
        Ok(list)
    }
}

/// Seconds since 1970, whole or not (RFC 7519 section 2); a part of a second is cut off.
struct NumericDate;

impl<'de> DeserializeSeed<'de> for NumericDate {
    type Value = Timestamp;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumericDate {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in seconds since 1970")
    }

    fn visit_u64<E: de::Error>(self, secs: u64) -> Result<Timestamp, E> {
        Ok(Timestamp::from_secs(i64::try_from(secs).unwrap_or(i64::MAX)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and the fraction is meant to go")]
    fn visit_f64<E: de::Error>(self, secs: f64) -> Result<Timestamp, E> {
        if secs.is_finite() && secs >= 0.0 {
            Ok(Timestamp::from_secs(secs as i64))
        } else {
            Err(E::custom("not a time since 1970"))
        }
    }
}
