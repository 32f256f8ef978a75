//! The JSON Schema describes every key, and every cluster file of this repository.
#![cfg(all(feature = "schema", feature = "toml"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use lvs_core::cluster::Document;
use serde_json::Value;

/// Follows a reference within the schema.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    schema.get(key).and_then(Value::as_array)
}

/// Returns why a value does not fit, for the words that the schema uses.
fn misfit(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolved(root, schema);
    let fits = |schema: &Value| misfit(root, schema, value).is_none();
    if let Some(all) = list(schema, "allOf")
        && let Some(problem) = all.iter().find_map(|one| misfit(root, one, value))
    {
        return Some(problem);
    }
    for key in ["anyOf", "oneOf"] {
        if list(schema, key).is_some_and(|some| !some.iter().any(fits)) {
            return Some(format!("{value} is none of {}", schema[key]));
        }
    }
    let one_of = |words: &[Value]| words.contains(value);
    if list(schema, "enum").is_some_and(|words| !one_of(words))
        || schema.get("const").is_some_and(|word| word != value)
        || !has_type(schema.get("type"), value)
    {
        return Some(format!("{value} is not {schema}"));
    }
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let known = schema.get("properties").and_then(|keys| keys.get(key));
            match known {
                Some(known) => {
                    misfit(root, known, value).map(|problem| format!("{key}: {problem}"))
                }
                None if schema["additionalProperties"] == Value::Bool(false) => {
                    Some(format!("unknown key {key}"))
                }
                None => None,
            }
        }),
        Value::Array(elements) => schema
            .get("items")
            .and_then(|items| elements.iter().find_map(|one| misfit(root, items, one))),
        _ => None,
    }
}

fn has_type(expected: Option<&Value>, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("type {other}"),
    };
    match expected {
        None => true,
        Some(Value::Array(names)) => names.iter().any(is),
        Some(name) => is(name),
    }
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join("../examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "Cargo.toml"))
        .collect();
    files.extend(
        fs::read_dir(root.join("tests/plans"))
            .unwrap()
            .map(|entry| entry.unwrap().path().join("cluster.toml"))
            .filter(|path| path.exists()),
    );
    files
}

#[test]
fn every_cluster_file_fits() {
    let schema = Document::schema();
    assert!(files().len() > 20);
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let value: Value = toml::from_str(&text).unwrap();
        assert_eq!(misfit(&schema, &schema, &value), None, "{}", path.display());
    }
}

#[test]
fn what_the_file_refuses_does_not_fit() {
    let schema = Document::schema();
    for text in [
        "nam = \"web\"",
        "name = 5",
        "[director]\naddresses = [{ interface = 1 }]",
        "[[services]]\npersistence = { timeout = \"5m\", netmsk = 1 }",
        "[[services]]\ncheck = { type = \"http\", via = \"nowhere\" }",
        "[ipvs]\nconntrac = 1",
    ] {
        let value: Value = toml::from_str(text).unwrap();
        assert!(misfit(&schema, &schema, &value).is_some(), "{text}");
    }
}

fn describe(path: &str, schema: &Value, missing: &mut Vec<String>) {
    if let Some(keys) = schema.get("properties").and_then(Value::as_object) {
        for (key, schema) in keys {
            let description = schema.get("description").and_then(Value::as_str);
            if description.is_none_or(str::is_empty) {
                missing.push(format!("{path}.{key}"));
            }
            let is_table = schema.to_string().contains("$ref");
            if !is_table && schema.get("examples").is_none() {
                missing.push(format!("{path}.{key}: example"));
            }
            if schema["type"] == "integer" && schema.get("maximum").is_none() {
                missing.push(format!("{path}.{key}: range"));
            }
        }
    }
    match schema {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, inner)| describe(&format!("{path}/{key}"), inner, missing)),
        Value::Array(some) => some.iter().for_each(|inner| describe(path, inner, missing)),
        _ => {}
    }
}

#[test]
fn every_key_is_described_with_an_example_and_a_range() {
    let mut missing = Vec::new();
    describe("", &Document::schema(), &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}

fn examples_of<'a>(schema: &'a Value, found: &mut Vec<(&'a Value, &'a Value)>) {
    match schema {
        Value::Object(map) => {
            let examples = map.get("examples").and_then(Value::as_array);
            found.extend(
                examples
                    .into_iter()
                    .flatten()
                    .map(|example| (schema, example)),
            );
            map.values().for_each(|inner| examples_of(inner, found));
        }
        Value::Array(some) => some.iter().for_each(|inner| examples_of(inner, found)),
        _ => {}
    }
}

#[test]
fn every_example_fits() {
    let schema = Document::schema();
    let mut found = Vec::new();
    examples_of(&schema, &mut found);
    assert!(found.len() > 90, "{}", found.len());
    for (key, example) in found {
        assert_eq!(misfit(&schema, key, example), None, "{key}");
    }
}
