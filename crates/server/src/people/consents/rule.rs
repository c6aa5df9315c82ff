//! What counts as agreed: pure functions of the documents and of what somebody said.

use super::Version;
use crate::config::Consent;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{ConsentRow, NewConsent, holding};

/// The last consent to a document that holds.
pub(super) fn standing<'r>(rows: &'r [ConsentRow], document: &'r str) -> Option<&'r ConsentRow> {
    holding(rows, document).next_back()
}

/// Whether something that is required is not agreed to in the version that counts.
pub(super) fn missing<'d>(documents: impl Iterator<Item = &'d Consent>, rows: &[ConsentRow]) -> bool {
    let holds = |document: &Consent| holding(rows, &document.id).any(|row| row.version == document.version);
    documents.filter(|document| document.required).any(|document| !holds(document))
}

/// What somebody agrees to, if each is the version that counts in this app.
pub(super) fn given(menjin: &Menjin, app: &str, accept: Vec<Version>) -> Result<Vec<NewConsent>, Problem> {
    let mut all: Vec<NewConsent> = Vec::with_capacity(accept.len());
    for (at, Version { id, version }) in accept.into_iter().enumerate() {
        let document = menjin.config.consent.iter().find(|it| it.id == id && it.is_of(app));
        let document = document.ok_or_else(|| Problem::field(format!("accept[{at}].id"), Fault::NoSuchDocument))?;
        if document.version != version {
            return Err(Problem::ConsentOutdated);
        }
        if !all.iter().any(|it| it.document == id) {
            all.push(NewConsent { row: menjin.entropy.bytes(), document: id, version });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use menjin_token::Timestamp;

    use super::*;

    fn document(version: &str, required: bool) -> Consent {
        let url = "https://shop.example.com/privacy".parse().unwrap();
        Consent { id: "privacy".into(), version: version.into(), url, required, apps: None }
    }

    fn row(version: &str, given: i64, withdrawn: Option<i64>) -> ConsentRow {
        ConsentRow {
            document: "privacy".into(),
            version: version.into(),
            app: "shop".into(),
            ip: None,
            user_agent: None,
            given_at: Timestamp::from_secs(given),
            withdrawn_at: withdrawn.map(Timestamp::from_secs),
        }
    }

    fn lacks(document: &Consent, rows: &[ConsentRow]) -> bool {
        missing([document].into_iter(), rows)
    }

    #[test]
    fn only_the_version_that_counts_and_was_not_withdrawn_is_consent() {
        assert!(lacks(&document("2", true), &[]));
        assert!(lacks(&document("2", true), &[row("1", 1, None)]));
        assert!(lacks(&document("2", true), &[row("2", 1, Some(2))]));
        assert!(!lacks(&document("2", true), &[row("2", 1, Some(2)), row("2", 2, None)]));
        assert!(!lacks(&document("2", false), &[]));
    }

    /// As of two users who were merged: each had said something before.
    #[test]
    fn what_was_withdrawn_since_under_another_name_holds_no_more() {
        let withdrawn = row("1", 1, Some(5));
        assert!(lacks(&document("1", true), &[withdrawn.clone(), row("1", 3, None)]));
        assert!(!lacks(&document("1", true), &[withdrawn, row("1", 6, None)]));
        let of_another = ConsentRow { document: "terms".into(), ..row("1", 1, Some(5)) };
        assert!(!lacks(&document("1", true), &[row("1", 3, None), of_another]));
    }

    #[test]
    fn what_was_agreed_to_last_stands() {
        let rows = [row("3", 1, Some(2)), row("1", 2, None), row("2", 3, None)];
        assert_eq!(standing(&rows, "privacy").map(|row| row.version.as_str()), Some("2"));
        assert_eq!(standing(&rows, "terms"), None);
    }
}
