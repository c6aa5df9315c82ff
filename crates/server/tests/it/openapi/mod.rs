//! `/openapi.json`: whole by itself, true to the server, and valid to other people's validator.

mod document;
mod spec_validator;
