//! From `[director]` or `[[directors]]` to the one or the two there are.

use super::DirectorTable;
use super::convert::{address, each, gateway};
use crate::cluster::model::invalid;
use crate::cluster::{Director, DocumentError, NodeName};

/// One, or two.
pub(super) fn directors(
    one: Option<DirectorTable>,
    several: Vec<DirectorTable>,
) -> Result<Vec<Director>, DocumentError> {
    match (one, several.len()) {
        (Some(table), 0) => Ok(vec![
            director(table).map_err(|error| error.within("director"))?,
        ]),
        (Some(_), _) => Err(
            DocumentError::new("directors", "there is a [director] too").remedy(
                "one director is [director], two are two [[directors]]: leave one of them out",
            ),
        ),
        (None, 0) => {
            Err(DocumentError::new("", "the key `director` is missing")
                .remedy("or two [[directors]]"))
        }
        (None, 1) => Err(DocumentError::new("directors", "there is only one")
            .remedy("write it as [director], or add the one that takes over")),
        (None, 2) => each("directors", several, director),
        (None, count) => Err(DocumentError::new(
            "directors[2]",
            format!("there are {count}, but only two can take over from each other"),
        )
        .remedy("leave out all but two")),
    }
}

fn director(table: DirectorTable) -> Result<Director, DocumentError> {
    let floating = table.addresses.iter().map(|address| address.floating);
    let floating: Vec<bool> = floating.collect();
    let addresses = each("addresses", table.addresses, address)?;
    let marked = addresses.iter().zip(floating);
    Ok(Director {
        name: NodeName::new(table.name).map_err(invalid("name"))?,
        floating: marked
            .filter(|(_, floating)| *floating)
            .map(|(address, _)| address.id.network.addr())
            .collect(),
        gateway: table.gateway.as_deref().map(gateway).transpose()?,
        ip_forward: table.ip_forward,
        addresses,
    })
}
