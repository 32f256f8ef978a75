//! lvsctl.toml(5): the reference of the cluster file, from its JSON Schema.

use clap_mangen::roff::{Roff, bold, italic, roman};
use lvs_core::cluster::Document;
use serde_json::{Map, Value, json};

use super::page::{head, verbatim};

const DESCRIPTION: [&str; 4] = [
    "A cluster file describes a whole Linux Virtual Server cluster: its directors, real servers and services. lvsctl \
     derives from it what every node must have. The same file is applied on every node.",
    "It is TOML. The unit lvsctl@NAME reads /etc/lvsctl/NAME.toml; every verb takes the file as an argument, and - for \
     standard input. The name of a node is the name of its host, unless --node is given.",
    "A time is a number of seconds, or text with a unit: \"500ms\", \"90s\", \"5m\", \"1h\", \"1d\". An unknown key is \
     refused, and all mistakes of a file are reported at once, with line and column.",
    "lvsctl schema prints the same reference as a JSON Schema, by which editors complete and check a file.",
];

/// Returns the page in roff.
pub(super) fn page() -> String {
    let schema = Document::schema();
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"])
        .text([roman("lvsctl.toml - the cluster file of lvsctl")])
        .control("SH", ["DESCRIPTION"]);
    for paragraph in DESCRIPTION {
        roff.control("PP", []).text([roman(paragraph)]);
    }
    let mut tables = Tables::default();
    tables.collect("", &schema, &schema);
    for (places, table) in &tables.found {
        table_section(&mut roff, &places.join(", "), table, &schema);
    }
    let example = verbatim("EXAMPLE", include_str!("nat.toml"));
    let see = "lvsctl(8), lvsctl-check(8), lvsctl-plan(8), lvsctl-import(8)";
    let mut end = Roff::new();
    end.control("SH", ["SEE ALSO"]).text([roman(see)]);
    let head = head("lvsctl.toml", 5);
    format!("{head}{}{example}{}", roff.render(), end.render())
}

/// Collects the tables of the file in the order in which a reader meets them, each with all its places.
#[derive(Default)]
struct Tables<'a> {
    found: Vec<(Vec<String>, &'a Value)>,
}

impl<'a> Tables<'a> {
    fn collect(&mut self, place: &str, table: &'a Value, schema: &'a Value) {
        let known = self.found.iter_mut().find(|(_, known)| *known == table);
        let heading = match place {
            "" => "TOP LEVEL".to_owned(),
            _ => place.to_owned(),
        };
        match known {
            Some((places, _)) => return places.push(heading),
            None => self.found.push((vec![heading], table)),
        }
        for (key, value) in keys(table) {
            let place = match (place, value["type"] == "array") {
                ("", true) => format!("[[{key}]]"),
                ("", false) => format!("[{key}]"),
                _ => format!("{key} of {}", place.split(" of ").last().unwrap_or(place)),
            };
            for table in tables_of(value, schema) {
                self.collect(&place, table, schema);
            }
        }
    }
}

fn keys(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
}

/// Returns the tables that a key may hold, each once.
fn tables_of<'a>(value: &Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut tables = Vec::new();
    for target in references(value) {
        let table = definition(target, schema);
        if table["properties"].is_object() && !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}

/// Returns every reference to a definition.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => match map.get("$ref").and_then(Value::as_str) {
            Some(target) => vec![target],
            None => map.values().flat_map(references).collect(),
        },
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn table_section(roff: &mut Roff, heading: &str, table: &Value, schema: &Value) {
    roff.control("SH", [heading]);
    let about = table["description"].as_str().unwrap_or_default();
    // Of most tables the description is about the Rust type.
    if !about.starts_with("Holds ") && table != schema {
        roff.text([roman(about)]);
    }
    for (key, value) in keys(table) {
        let kinds = kinds(value, schema).join(" or ");
        let title = [bold(key.as_str()), roman(" ("), italic(kinds), roman(")")];
        roff.control("TP", []).text(title);
        let is_required = table["required"]
            .as_array()
            .is_some_and(|keys| keys.contains(&key.as_str().into()));
        let required = if is_required { " Required." } else { "" };
        roff.text([roman(explained(key, value, schema) + required)]);
    }
}

/// Returns the kinds of a key's value in words.
fn kinds(value: &Value, schema: &Value) -> Vec<&'static str> {
    if let Some(target) = value["$ref"].as_str() {
        return match definition(target, schema)["properties"] {
            Value::Object(_) => vec!["table"],
            _ => vec!["text"],
        };
    }
    let ways = [&value["anyOf"], &value["allOf"]];
    if let Some(ways) = ways.into_iter().find_map(Value::as_array) {
        return ways.iter().flat_map(|way| kinds(way, schema)).collect();
    }
    let items = &value["items"];
    vec![match value["type"].as_str() {
        Some("string") => "text",
        Some("integer" | "number") => "number",
        Some("boolean") => "true or false",
        Some("array") if items["type"] == "string" => "list of text",
        Some("array") if items["$ref"].is_string() => "list of tables",
        Some("array") => "list",
        _ if value["type"] == json!(["number", "string"]) => "time",
        _ => "number, true or false",
    }]
}

/// Returns the definition that a reference names.
fn definition<'a>(target: &str, schema: &'a Value) -> &'a Value {
    let place = target.trim_start_matches('#');
    schema.pointer(place).unwrap_or(&Value::Null)
}

/// Returns the description of a key with its default, range and example.
fn explained(key: &str, value: &Value, schema: &Value) -> String {
    let mut text = value["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ");
    if !text.ends_with('.') {
        text.push('.');
    }
    let mut add = |name: &str, value: String| text.push_str(&format!(" {name}: {value}."));
    let words = words(value, schema);
    if !words.is_empty() {
        add("One of", words.join(", "));
    }
    if let Some(default) = value.get("default").filter(|value| !is_empty(value)) {
        add("Default", default.to_string());
    }
    if let (Some(from), Some(to)) = (value.get("minimum"), value.get("maximum")) {
        add("Range", format!("{from} to {to}"));
    }
    if let Some(example) = value["examples"].get(0) {
        add("Example", format!("{key} = {}", written(example)));
    }
    text.replace('`', "")
}

/// Returns the words of which a key holds one.
fn words<'a>(value: &Value, schema: &'a Value) -> Vec<&'a str> {
    references(value)
        .into_iter()
        .filter_map(|target| definition(target, schema)["oneOf"].as_array())
        .flatten()
        .filter_map(|word| word["const"].as_str())
        .collect()
}

/// Returns whether a default says nothing that a reader does not know.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(table) => table.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns a value as TOML has it, which is as JSON has it, but for blanks behind commas.
fn written(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(written).collect();
            format!("[{}]", list.join(", "))
        }
        _ => value.to_string(),
    }
}
