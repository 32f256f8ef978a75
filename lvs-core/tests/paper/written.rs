//! Clusters and documents that serde writes are read again as they were.
#![cfg(all(feature = "schema", feature = "import"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;

use lvs_core::Cluster;
use lvs_core::cluster::Document;
use lvs_core::ipvs::{Encapsulation, Forwarding};

use crate::corpus::corpus;
use crate::properties::clusters;
use crate::random::Random;
use crate::schema::EVERYTHING;

/// Reads what serde writes of a document, in both formats.
fn again(document: &Document) -> [Document; 2] {
    let json = serde_json::to_string(document).unwrap();
    let text = toml::to_string(document).unwrap();
    [
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}")),
        toml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")),
    ]
}

#[test]
fn documents_are_written_as_they_are_read() {
    let mut texts: Vec<_> = corpus("cluster_file")
        .into_iter()
        .filter_map(|seed| fs::read_to_string(seed).ok())
        .collect();
    texts.push(EVERYTHING.to_owned());
    let mut count = 0;
    for text in texts {
        let Ok(document) = toml::from_str::<Document>(&text) else {
            continue;
        };
        count += 1;
        for again in again(&document) {
            assert_eq!(again, document, "{text}");
        }
        let Ok(cluster) = Cluster::try_from(document) else {
            continue;
        };
        let written = toml::to_string(&cluster).unwrap();
        assert_eq!(Cluster::from_toml(&written).unwrap(), cluster, "{written}");
    }
    assert!(count > 15, "{count}");
}

#[test]
fn clusters_are_written_as_they_are() {
    let mut written = 0;
    for seed in 0..500 {
        let cluster = clusters::cluster(&mut Random::new(seed));
        let services = cluster.services().iter();
        let encapsulations: BTreeSet<_> = services
            .flat_map(|service| &service.destinations)
            .filter_map(|destination| match destination.forwarding {
                Forwarding::Tunnel(Encapsulation::Ipip) => None,
                Forwarding::Tunnel(encapsulation) => Some(encapsulation),
                _ => None,
            })
            .collect();
        match Document::try_from(&cluster) {
            Ok(document) => {
                for again in again(&document) {
                    assert_eq!(Cluster::try_from(again).unwrap(), cluster, "seed {seed}");
                }
                let json = serde_json::to_value(&cluster).unwrap();
                assert_eq!(serde_json::from_value::<Cluster>(json).unwrap(), cluster);
                written += 1;
            }
            Err(error) => assert!(encapsulations.len() > 1, "seed {seed}: {error}"),
        }
    }
    assert!(written > 100, "{written}");
}
