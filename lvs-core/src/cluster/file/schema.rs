//! The JSON Schema of the cluster file: what an editor completes and checks by.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{Document, GatewayTable, IpvsTable, NotChecked, PersistenceTable, ipvs, reference};
use crate::cluster::checks::{
    CheckTable, DnsName, FilePath, HostName, HttpPath, Interval, Needle, Payload, Percent,
    ServerName, SlowStartTime, Span, StatusRanges, Timeout, UserName,
};

impl Document {
    /// Returns the JSON Schema (draft 7) of the cluster file, with a description and an example of every key.
    ///
    /// Editors that know TOML complete and check a file by it. It describes the shape only: whether a cluster is valid
    /// is decided by the conversion.
    #[must_use]
    pub fn schema() -> Value {
        let generator = SchemaSettings::draft07().into_generator();
        let mut schema = generator.into_root_schema_for::<Self>().to_value();
        forget_null(&mut schema);
        reference::complete(&mut schema);
        schema
    }
}

/// Removes the alternative that a key is null, which no TOML file can say.
fn forget_null(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !value.is_null());
            map.values_mut().for_each(forget_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(schemas)) = map.get_mut("anyOf") {
                schemas.retain(|schema| schema.get("type").is_none_or(|name| name != "null"));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(forget_null),
        _ => {}
    }
}

/// Describes types that are read from another one.
macro_rules! read_as {
    ($($type:ident: $schema:tt;)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

read_as! {
    NotChecked: {"type": "boolean", "const": false};
    Span: {"type": ["number", "string"]};
    Interval: {"type": ["number", "string"]};
    Timeout: {"type": ["number", "string"]};
    SlowStartTime: {"type": ["number", "string"]};
    Percent: {"type": "integer", "minimum": 0, "maximum": 100};
    ServerName: {"type": "string"};
    FilePath: {"type": "string"};
    HttpPath: {"type": "string"};
    HostName: {"type": "string"};
    StatusRanges: {"type": "string"};
    Needle: {"type": "string"};
    DnsName: {"type": "string"};
    Payload: {"type": "string"};
    UserName: {"type": "string"};
}

pub(super) fn gateway(generator: &mut SchemaGenerator) -> Schema {
    let table = generator.subschema_for::<GatewayTable>();
    json_schema!({"anyOf": [{"type": "string"}, table]})
}

pub(super) fn persistence(generator: &mut SchemaGenerator) -> Schema {
    let table = generator.subschema_for::<PersistenceTable>();
    json_schema!({"anyOf": [{"type": ["number", "string"]}, table]})
}

pub(super) fn checks(generator: &mut SchemaGenerator) -> Schema {
    let table = generator.subschema_for::<CheckTable>();
    json_schema!({"anyOf": [
        {"type": "string"},
        table,
        {"type": "array", "items": {"anyOf": [{"type": "string"}, table]}},
    ]})
}

impl JsonSchema for IpvsTable {
    fn schema_name() -> Cow<'static, str> {
        "IpvsTable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: serde_json::Map<_, _> = ipvs::keys()
            .map(|(key, schema)| (key.to_owned(), schema))
            .collect();
        json_schema!({
            "type": "object",
            "description": "What is absent stays as it is in the kernel; true and false are 1 and 0.",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}
