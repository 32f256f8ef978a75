//! What the JSON Schema and lvsctl.toml(5) say of a key beside its description: an example, the range of a number, and
//! whether it is required.

use serde_json::{Value, json};

use crate::cluster::checks::Timing;
use crate::cluster::probe_path::Marks;
use crate::ipvs::Persistence;

/// Adds to every key of the schema's tables what this module knows of it.
pub(super) fn complete(schema: &mut Value) {
    let known = keys();
    add(schema, &known["Document"]);
    require(schema, "Document");
    if let Some(Value::Object(tables)) = schema.get_mut("definitions") {
        for (name, table) in tables {
            add(table, &known[name.as_str()]);
            require(table, name);
        }
    }
}

/// Names the keys without which a table is refused. In Rust they are options, so that all that are missing are reported
/// at once.
fn require(table: &mut Value, name: &str) {
    let keys: &[&str] = match name {
        "Document" => &["name", "forwarding", "services"],
        "AddressTable" => &["address"],
        "RealServerTable" => &["name"],
        "SyncTable" => &["id", "interface"],
        _ => return,
    };
    table["required"] = json!(keys);
}

fn add(table: &mut Value, known: &Value) {
    let keys = table.get_mut("properties").and_then(Value::as_object_mut);
    for (key, schema) in keys.into_iter().flatten() {
        if let (Value::Object(schema), Value::Object(known)) = (schema, &known[key.as_str()]) {
            schema.extend(known.clone());
        }
    }
}

/// Returns an example of a key.
fn like(example: impl Into<Value>) -> Value {
    json!({"examples": [example.into()]})
}

/// Returns an example of a number, and its range.
fn number(example: i64, from: i64, to: i64) -> Value {
    json!({"examples": [example], "minimum": from, "maximum": to})
}

fn keys() -> Value {
    json!({
        "Document": {
            "name": like("web"),
            "forwarding": like("nat"),
        },
        "AddressTable": address(),
        "CheckTable": check(),
        "DefaultsTable": {
            "gateway": like("192.168.1.254"),
            "interface": like("eth0"),
        },
        "DestinationTable": destination(),
        "DirectorTable": {
            "gateway": like("172.16.0.1"),
            "ip-forward": like(true),
            "name": like("director"),
        },
        "GatewayTable": {
            "address": like("fe80::1"),
            "interface": like("eth0"),
            "on-link": like(true),
        },
        "HealthTable": health(),
        "PersistenceTable": {
            "engine": like("sip"),
            "netmask": number(24, 1, 128),
            "timeout": json!({"examples": ["5m"], "minimum": 0, "maximum": Persistence::LONGEST.0}),
        },
        "RealServerTable": {
            "address": like("192.168.1.12/24"),
            "drain": like(true),
            "gateway": like("192.168.1.254"),
            "groups": like(vec!["web"]),
            "name": like("realserver1"),
            "weight": number(2, 0, i32::MAX.into()),
        },
        "ServiceTable": service(),
        "SyncTable": {
            "group": like("224.0.0.81"),
            "id": number(1, 0, 255),
            "interface": like("eth1"),
            "max-length": number(1472, 1, 65_000),
            "port": number(8848, 1, u16::MAX.into()),
            "ttl": number(1, 1, u8::MAX.into()),
        },
        "TimeTable": {
            "max-offset": like("500ms"),
            "ntp-server": like("192.168.1.254"),
        },
        "TunnelTable": {
            "checksum": like("full"),
            "port": number(5555, 1, u16::MAX.into()),
            "type": like("gue"),
        },
    })
}

fn address() -> Value {
    json!({
        "address": like("172.16.5.11/16"),
        "broadcast": like("172.16.255.255"),
        "floating": like(true),
        "interface": like("eth0"),
        "label": like("eth0:1"),
    })
}

fn service() -> Value {
    json!({
        "address": like("172.16.5.11:80"),
        "addresses": like(vec!["172.16.5.11:80", "172.16.5.11:443"]),
        "below-minimum": like("withdraw"),
        "check": like("tcp"),
        "fallback": like("sorry"),
        "family": like("ipv6"),
        "fwmark": number(1, 1, u32::MAX.into()),
        "keep-weight": like(true),
        "match": like(vec!["tcp 172.16.5.11:80", "tcp 172.16.5.11:443"]),
        "minimum": number(2, 0, u16::MAX.into()),
        "on-failure": like("remove"),
        "one-packet": like(true),
        "persistence": like("5m"),
        "protocol": like("udp"),
        "scheduler": like("wrr"),
        "scheduler-flags": like(vec!["mh-port", "mh-fallback"]),
        "slow-start": like("30s"),
    })
}

fn destination() -> Value {
    json!({
        "check": like(false),
        "forwarding": like("dr"),
        "file-sd": like("/etc/lvsctl/web.json"),
        "group": like("web"),
        "lower-threshold": number(750, 0, i32::MAX.into()),
        "port": number(8080, 1, u16::MAX.into()),
        "real-server": like("realserver1"),
        "upper-threshold": number(1000, 0, i32::MAX.into()),
        "weight": number(5, 0, i32::MAX.into()),
    })
}

fn health() -> Value {
    json!({
        "fall": like(3),
        "fast-interval": like("500ms"),
        "interval": like("2s"),
        "jitter": number(10, 0, Timing::MAX_JITTER.into()),
        "marks": number(0x4C56_0000, 1, Marks::LAST.into()),
        "path": like("service"),
        "rise": like(2),
        "timeout": like("1s"),
    })
}

fn check() -> Value {
    json!({
        "answer": like("pong"),
        "ca": like("/etc/ssl/certs/internal.pem"),
        "command": like(vec!["/usr/local/bin/probe", "--fast"]),
        "contains": like("ok"),
        "fall": like(3),
        "fast-interval": like("500ms"),
        "file": like("/run/web.healthy"),
        "host": like("www.example.org"),
        "interval": like("2s"),
        "jitter": number(10, 0, Timing::MAX_JITTER.into()),
        "method": like("HEAD"),
        "name": like("example.org"),
        "path": like("/healthz"),
        "payload": like("ping"),
        "port": like(8080),
        "record": like("A"),
        "rise": like(2),
        "share-by-status": like(true),
        "sni": like("www.example.org"),
        "status": like("200-299"),
        "timeout": like("1s"),
        "transport": like("tcp"),
        "type": like("http"),
        "user": like("www-data"),
        "verify": like(false),
        "via": like("server"),
    })
}
