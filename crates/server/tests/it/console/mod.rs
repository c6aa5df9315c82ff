//! `/console`: what operators see and do there, over plain HTTP and in a real browser.

mod acts;
mod form;
mod forms;
mod in_browser;
mod sessions;

/// Every page that leads somewhere by itself.
const PAGES: [&str; 9] = [
    "/console",
    "/console/people",
    "/console/sessions",
    "/console/apps",
    "/console/roles",
    "/console/keys",
    "/console/audit",
    "/console/events",
    "/console/operators",
];
