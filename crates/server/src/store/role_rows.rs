//! Roles and who has them as rows, read as in `rows`.

use super::columns::{Columns, Corrupt};
use super::{HeldRole, Holder, RoleName, RoleRow, Whole};

/// What [`role`] reads.
macro_rules! role_columns {
    () => {
        "number, name, audience, description, permissions, includes, whole, version, changed_at"
    };
}

pub(super) use role_columns;

pub(super) fn role(it: &mut Columns<'_>) -> Result<RoleRow, Corrupt> {
    it.of_table("roles");
    Ok(RoleRow {
        number: it.get()?,
        name: RoleName { name: it.get()?, audience: audience(it)? },
        description: it.get()?,
        permissions: it.word(|text| serde_json::from_str(text).ok())?,
        includes: it.word(|text| serde_json::from_str(text).ok())?,
        whole: it.word(|text| serde_json::from_str(text).ok())?,
        version: it.get()?,
        changed_at: it.time()?,
    })
}

/// The counter, and a role that somebody has, unless it was removed.
pub(super) fn held(it: &mut Columns<'_>) -> Result<(i64, Option<(String, Whole)>), Corrupt> {
    let (version, name) = (it.get()?, it.of_table("roles").get::<Option<String>>()?);
    let Some(name) = name else { return Ok((version, None)) };
    Ok((version, Some((name, it.word(|text| serde_json::from_str(text).ok())?))))
}

pub(super) fn held_role(it: &mut Columns<'_>) -> Result<HeldRole, Corrupt> {
    it.of_table("roles");
    let role = RoleName { name: it.get()?, audience: audience(it)? };
    it.of_table("user_roles");
    Ok(HeldRole { role, audience: audience(it)?, granted_at: it.time()? })
}

pub(super) fn holder(it: &mut Columns<'_>) -> Result<Holder, Corrupt> {
    it.of_table("user_roles");
    let id = it.get()?;
    it.of_table("users");
    let (user, number, nickname) = (it.id()?, it.get()?, it.get()?);
    it.of_table("user_roles");
    Ok(Holder { id, user, number, nickname, audience: audience(it)?, granted_at: it.time()? })
}

/// Where a role holds; nothing stands for everywhere.
fn audience(it: &mut Columns<'_>) -> Result<Option<String>, Corrupt> {
    Ok(Some(it.get::<String>()?).filter(|audience| !audience.is_empty()))
}
