//! The number of a generic netlink family, which the kernel assigns at run time.
//!
//! The answers are parsed here because the parser of netlink-packet-generic fails at the first attribute that
//! it does not know and panics on some.

use super::attributes::{Attributes, Writer, read_u16};
use super::conn::Conn;
use crate::error::{Cause, Error, Operation, Result};

/// `GENL_ID_CTRL`, the family that knows the others.
const CONTROLLER: u16 = 0x10;
/// `CTRL_CMD_GETFAMILY`, version 2, and the two reserved bytes of a generic netlink header.
const GET_FAMILY: [u8; 4] = [3, 2, 0, 0];
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;
/// `CTRL_ATTR_FAMILY_NAME`.
const FAMILY_NAME: u16 = 2;

/// Asks the kernel for the number of a family. The kernel loads the family's module for that if it can, even
/// for an unprivileged process; where there is none it answers `ENOENT`.
pub(crate) fn resolve(conn: &mut Conn, operation: &Operation, name: &str) -> Result<u16> {
    let mut request = GET_FAMILY.to_vec();
    Writer::new(&mut request).put_str(FAMILY_NAME, name);
    let replies = conn.request(operation, CONTROLLER, 0, &request)?;
    let unknown = || {
        let problem = format!("no number for the family {name}");
        Error::new(operation.clone(), Cause::Decode(problem))
    };
    replies
        .iter()
        .find_map(|reply| number(&reply.payload))
        .ok_or_else(unknown)
}

/// Finds the number of a family without making the kernel load a module: it lists all existing families.
pub(crate) fn find(conn: &mut Conn, operation: &Operation, name: &str) -> Result<Option<u16>> {
    let replies = conn.dump(operation, CONTROLLER, &GET_FAMILY)?;
    Ok(replies
        .iter()
        .filter(|reply| is_named(&reply.payload, name))
        .find_map(|reply| number(&reply.payload)))
}

fn is_named(payload: &[u8], name: &str) -> bool {
    let mut attributes = Attributes::new(payload.get(GET_FAMILY.len()..).unwrap_or_default());
    attributes.any(|(kind, value)| {
        kind == FAMILY_NAME && super::attributes::read_str(value) == Some(name)
    })
}

/// Returns the number in an answer, from its generic netlink header on.
pub(crate) fn number(payload: &[u8]) -> Option<u16> {
    let mut attributes = Attributes::new(payload.get(GET_FAMILY.len()..)?);
    let (_, value) = attributes.find(|(kind, _)| *kind == FAMILY_ID)?;
    read_u16(value)
}

#[cfg(test)]
mod tests {
    use netlink_sys::protocols::NETLINK_GENERIC;

    use super::*;

    #[test]
    fn number_is_found_among_unknown_attributes() {
        let mut answer = vec![1, 2, 0, 0];
        let mut writer = Writer::new(&mut answer);
        writer.put_bytes(8, &[]);
        writer.put_bytes(999, &[1, 2, 3]);
        writer.put_u16(FAMILY_ID, 28);
        assert_eq!(number(&answer), Some(28));
        assert_eq!(number(&answer[..4]), None);
        assert_eq!(number(&[]), None);
    }

    /// Every kernel has the controller itself, and no family has the other name.
    #[test]
    fn the_running_kernel_knows_its_controller_and_refuses_an_unknown_family() {
        let mut conn = Conn::open(NETLINK_GENERIC).unwrap();
        let operation = Operation::new("resolve", "family");
        assert_eq!(
            resolve(&mut conn, &operation, "nlctrl").unwrap(),
            CONTROLLER
        );
        let found = |conn: &mut Conn, name| find(conn, &operation, name).unwrap();
        assert_eq!(found(&mut conn, "nlctrl"), Some(CONTROLLER));
        assert_eq!(found(&mut conn, "no-such-family"), None);
        let error = resolve(&mut conn, &operation, "no-such-family").unwrap_err();
        assert_eq!(error.errno(), Some(nix::libc::ENOENT));
    }
}
