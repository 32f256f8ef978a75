//! The schema of the cluster file, as a validator reads it: it accepts what the library accepts, and refuses keys
//! and types that the library refuses. It describes every key.
#![cfg(all(feature = "schema", feature = "import"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use lvs_core::Cluster;
use lvs_core::cluster::Document;
use lvs_core::import::{self, Options};
use serde_json::{Value, json};

use crate::corpus::corpus;

/// Where the schema is for the validator.
const SCHEMA: &str = "file:///cluster";

struct Validator(Schemas, SchemaIndex);

impl Validator {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(SCHEMA, Document::schema()).unwrap();
        let index = compiler.compile(SCHEMA, &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn problem(&self, text: &str) -> Option<String> {
        let value: Value = toml::from_str(text).unwrap();
        let Self(schemas, index) = self;
        schemas
            .validate(&value, *index)
            .err()
            .map(|error| error.to_string())
    }

    #[track_caller]
    fn accepts(&self, text: &str) {
        Cluster::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(self.problem(text), None, "{text}");
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository(directory)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_example_is_accepted() {
    let validator = Validator::new();
    let examples = files("examples").into_iter();
    let plans = files("lvs-core/tests/plans").into_iter();
    let plans = plans.map(|case| case.join("cluster.toml"));
    let files: Vec<_> = examples
        .chain(files("examples/lab/tests"))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter(|path| !path.ends_with("Cargo.toml"))
        .chain(plans.filter(|path| path.exists()))
        .collect();
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        validator.accepts(&fs::read_to_string(file).unwrap());
    }
}

#[test]
fn every_import_is_accepted() {
    let validator = Validator::new();
    let options = Options::new("web".parse().unwrap(), "director".parse().unwrap());
    let mut imported = 0;
    for path in corpus("keepalived_conf") {
        let text = fs::read_to_string(path).unwrap();
        let import = import::keepalived("k", &text, &options, &mut |_| Ok(Vec::new()));
        imported += import.map_or(0, |import| {
            validator.accepts(&import.file);
            1
        });
    }
    for path in corpus("ldirectord_cf") {
        let text = fs::read_to_string(path).unwrap();
        let import = import::ldirectord("l", &text, &options, &mut |_| None);
        imported += import.map_or(0, |import| {
            validator.accepts(&import.file);
            1
        });
    }
    for path in corpus("ipvsadm_script") {
        let text = fs::read_to_string(path).unwrap();
        let import = import::rules("r", &text, &options, &mut |_| None);
        imported += import.map_or(0, |import| {
            validator.accepts(&import.file);
            1
        });
    }
    assert!(imported > 80, "{imported}");
}

/// A file with everything, whose keys and types are then made wrong one by one.
pub(crate) const EVERYTHING: &str = r#"
name = "web"
forwarding = "nat"
[defaults]
interface = "eth0"
[health]
interval = "2s"
timeout = 1
[director]
name = "director"
gateway = { address = "172.16.0.1", interface = "eth0", on-link = true }
addresses = [{ interface = "eth0", address = "172.16.5.11/16" }, { interface = "eth1", address = "192.168.1.11/24" }]
[[services]]
addresses = ["172.16.5.11:80", "172.16.5.11:443"]
scheduler = "sh"
scheduler-flags = ["sh-port"]
persistence = { timeout = "5m", netmask = 24 }
check = [{ type = "http", path = "/", interval = "2s" }, "tcp"]
minimum = 1
fallback = "rs2"
on-failure = "drain"
slow-start = "30s"
destinations = [{ group = "a", weight = 2, upper-threshold = 5 }]
[[real-servers]]
name = "rs1"
address = "192.168.1.12/24"
groups = ["a"]
[[real-servers]]
name = "rs2"
address = "192.168.1.13/24"
weight = 3
[time]
ntp-server = "192.168.1.1"
[ipvs]
tcp-timeout = 900
"#;

#[test]
fn unknown_keys_and_wrong_types_are_refused() {
    let validator = Validator::new();
    validator.accepts(EVERYTHING);
    let value: Value = toml::from_str(EVERYTHING).unwrap();
    let mut places = Vec::new();
    walk(&value, String::new(), &mut places);
    let mut refused = 0;
    for place in &places {
        let found = value.pointer(place).unwrap();
        let mut wrong = vec![match found {
            // Neither is a text that could be the short form of a table, nor a number of seconds.
            Value::Array(_) | Value::Object(_) => json!(true),
            _ => json!({"nonsense": 1}),
        }];
        if let Value::Object(map) = found {
            let mut map = map.clone();
            map.insert("nonsense".to_owned(), json!(1));
            wrong.push(map.into());
        }
        for wrong in wrong {
            let mut value = value.clone();
            *value.pointer_mut(place).unwrap() = wrong.clone();
            let text = written(&value);
            assert!(validator.problem(&text).is_some(), "{place} = {wrong}");
            assert!(Cluster::from_toml(&text).is_err(), "{place} = {wrong}");
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
}

/// Collects the places of all values below this one.
fn walk(value: &Value, place: String, places: &mut Vec<String>) {
    let below: Vec<_> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => (0..)
            .zip(list)
            .map(|(i, value): (usize, _)| (i.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let place = format!("{place}/{key}");
        places.push(place.clone());
        walk(value, place, places);
    }
}

/// Writes a value as TOML: a document of inline values.
fn written(value: &Value) -> String {
    let keys = value.as_object().unwrap().iter();
    keys.map(|(key, value)| format!("{key} = {}\n", inline(value)))
        .collect()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let keys: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)))
                .collect();
            format!("{{ {} }}", keys.join(", "))
        }
        Value::Array(list) => {
            let items: Vec<_> = list.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
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

#[test]
fn every_example_of_a_key_fits() {
    let schema = Document::schema();
    let mut places = vec![String::new()];
    walk(&schema, String::new(), &mut places);
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(SCHEMA, schema.clone()).unwrap();
    let mut found = 0;
    for place in places {
        let examples = schema.pointer(&format!("{place}/examples"));
        let Some(examples) = examples.and_then(Value::as_array) else {
            continue;
        };
        let key = compiler
            .compile(&format!("{SCHEMA}#{place}"), &mut schemas)
            .unwrap();
        for example in examples {
            schemas
                .validate(example, key)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            found += 1;
        }
    }
    assert!(found > 90, "{found}");
}
