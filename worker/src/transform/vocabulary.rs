//! The words that a template may use: its filters, tests and functions.
//!
//! Owns which of the engine's own are safe. Refuses those that print a value unescaped, that read the engine's
//! state, that make of a list a longer or a deeper one, and that compare lists: they cost more than fuel counts.

/// What a template is given.
pub(super) const NAMES: [&str; 3] = ["event", "portal", "record"];

pub(super) const FUNCTIONS: [&str; 3] = ["link", "object_type", "range"];

/// Filters that give a text, a number or nothing, whatever they are given.
pub(super) const SCALAR_FILTERS: [&str; 20] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "float",
    "int",
    "join",
    "length",
    "lower",
    "money",
    "number",
    "replace",
    "round",
    "slack",
    "stage_colour",
    "string",
    "time",
    "title",
    "trim",
    "upper",
];

/// Filters that may give a list or an object.
pub(super) const OTHER_FILTERS: [&str; 8] =
    ["d", "default", "first", "items", "last", "split", "stage", "tojson"];

/// Filters whose arguments may be values. Of all others, and of tests, they are short constants: what a text
/// is searched for costs time by its length, and no fuel.
pub(super) const TAKE_VALUES: [&str; 5] = ["d", "default", "money", "number", "time"];

pub(super) const TESTS: [&str; 18] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "false",
    "float",
    "integer",
    "iterable",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
];
