//! `WeChat`'s answers: what all platforms have in common, with `WeChat`'s numbers explained.

use serde::de::DeserializeOwned;

use super::errcodes;
use crate::Error;
pub(super) use crate::answer::{TextOrNumber, lacks, without_token};
use crate::http::{Call, Caller};

/// Sends the call and reads the answer as `T`. `confidential` is cut out of WeChat's error text, should it come back.
pub(super) async fn ask<T: DeserializeOwned>(
    caller: &Caller,
    call: Call<'_>,
    confidential: &[&str],
) -> Result<T, Error> {
    crate::answer::ask(caller, call, confidential, errcodes::explain).await
}
