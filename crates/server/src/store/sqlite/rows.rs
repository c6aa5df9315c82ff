//! Rows become domain values at the door; each function reads the columns that the macro of its name lists.

use menjin_token::Timestamp;

use super::sql::{Columns, Corrupt};
use crate::store::{Device, DeviceClass, EndReason, SessionHead, SessionRow, Standing, UserRow};

pub(super) fn user(it: &mut Columns<'_>) -> Result<UserRow, Corrupt> {
    it.of_table("users");
    Ok(UserRow {
        id: it.id()?,
        number: it.get()?,
        nickname: it.get()?,
        avatar_url: it.get()?,
        phone_masked: it.get()?,
        created_at: it.time()?,
        disabled_at: it.time_or_null()?,
    })
}

pub(super) fn session_row(it: &mut Columns<'_>) -> Result<SessionRow, Corrupt> {
    it.of_table("sessions");
    Ok(SessionRow {
        id: it.id()?,
        user: it.get()?,
        app: it.get()?,
        device: Device {
            id: it.get()?,
            class: it.word(|text| Some(DeviceClass::parse(text)))?,
            name: it.get()?,
            system: it.get()?,
            ip: it.get()?,
            user_agent: it.get()?,
        },
        opened_at: it.time()?,
        seen_at: it.of_table("grants").time()?,
        expires_at: it.of_table("sessions").time()?,
        ended: ended(it)?,
    })
}

pub(super) fn session_head(it: &mut Columns<'_>) -> Result<SessionHead, Corrupt> {
    it.of_table("sessions");
    Ok(SessionHead { id: it.id()?, app: it.get()?, opened_at: it.time()?, expires_at: it.time()?, ended: ended(it)? })
}

fn ended(it: &mut Columns<'_>) -> Result<Option<(Timestamp, EndReason)>, Corrupt> {
    Ok(match it.time_or_null()? {
        None => None,
        Some(at) => Some((at, it.word(EndReason::from_code)?)),
    })
}

pub(super) fn standing(it: &mut Columns<'_>) -> Result<Standing, Corrupt> {
    it.of_table("grants");
    Ok(Standing {
        grant: it.id()?,
        counter: it.get()?,
        session: it.id()?,
        app: it.get()?,
        auth_time: it.of_table("sessions").time()?,
        amr: it.get()?,
        idle_until: it.of_table("grants").time_or_null()?.unwrap_or_default(),
        secret: it.get()?,
        user: user(it)?,
    })
}
