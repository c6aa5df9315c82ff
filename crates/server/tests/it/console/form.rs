//! A form as a page shows it: found by where it is sent, filled in, sent with what it carries.

use crate::harness::Answer;
use crate::operators::hand::{Hand, between};

/// Fills in and sends the first form of a page that goes to an address with this end.
pub(super) async fn press(hand: &mut Hand<'_>, page: &str, action: &str, typed: &[(&str, &str)]) -> Answer {
    let shown = hand.get(page).await;
    assert_eq!(shown.status, 200, "{page}: {}", shown.text);
    let mut forms = shown.text.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
    let to = |form: &str| between(form, "action=\"", "\"").to_owned();
    let form = forms.find(|form| form.contains("method=\"post\"") && to(form).ends_with(action));
    let form = form.unwrap_or_else(|| panic!("no form of {page} goes to {action}: {}", shown.text));
    for (name, _) in typed {
        assert!(form.contains(&format!(" name=\"{name}\"")), "{name} is asked for nowhere in {form}");
    }
    let hidden = form.split("<input type=\"hidden\" ").skip(1);
    let mut fields: Vec<_> =
        hidden.map(|field| (between(field, "name=\"", "\""), between(field, "value=\"", "\""))).collect();
    fields.extend(typed);
    hand.post(&to(form), &fields).await
}
