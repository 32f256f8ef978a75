//! `tcmsg`: family u8, 3 bytes of padding, interface index u32, handle u32, parent u32, info u32; then attributes.

use super::super::Qdisc;
use super::Names;
use crate::netlink::attributes::{Attributes, read_str, read_u32};

const HEADER: usize = 20;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_STATS2: u16 = 7;
/// In `TCA_STATS2`: bytes u64, packets u32.
const TCA_STATS_BASIC: u16 = 1;
/// In `TCA_STATS2`: queue length, backlog, drops, requeues and overlimits, each u32.
const TCA_STATS_QUEUE: u16 = 3;

/// Returns the payload that asks for those of all interfaces.
pub(crate) fn list() -> Vec<u8> {
    vec![0; HEADER]
}

/// Reads an `RTM_NEWQDISC`; returns `None` where it is none of a known interface.
pub(crate) fn decode(payload: &[u8], names: &Names) -> Option<Qdisc> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let (mut kind, mut options, mut stats) = (None, [].as_slice(), [].as_slice());
    for (attribute, value) in Attributes::new(attributes) {
        match attribute {
            TCA_KIND => kind = read_str(value),
            TCA_OPTIONS => options = value,
            TCA_STATS2 => stats = value,
            _ => {}
        }
    }
    let count = |of: u16, at: usize| {
        let (_, value) = Attributes::new(stats).find(|(attribute, _)| *attribute == of)?;
        read_u32(value.get(at..)?)
    };
    let kind = kind?;
    let interface = names.get(&read_u32(header.get(4..)?)?)?.clone();
    let parent = read_u32(header.get(12..)?)?;
    Some(Qdisc {
        packets: count(TCA_STATS_BASIC, 8).unwrap_or_default().into(),
        drops: count(TCA_STATS_QUEUE, 8).unwrap_or_default().into(),
        loss: match kind {
            "netem" => netem_loss(options).unwrap_or_default(),
            _ => 0,
        },
        ..Qdisc::new(interface, kind.to_owned(), parent)
    })
}

/// Reads the loss of `tc_netem_qopt`, which begins with latency u32, limit u32 and loss u32.
fn netem_loss(options: &[u8]) -> Option<u32> {
    read_u32(options.get(8..)?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attribute, torture};
    use super::*;

    fn listed(kind: &str, parent: u32) -> Vec<u8> {
        let words = |words: &[u32]| -> Vec<u8> {
            words.iter().flat_map(|word| word.to_ne_bytes()).collect()
        };
        let stats = [
            attribute(TCA_STATS_BASIC, &words(&[0, 0, 60, 0])),
            attribute(TCA_STATS_QUEUE, &words(&[0, 0, 40, 0, 0])),
        ];
        [
            vec![0; 4],
            words(&[3, 0x8001_0000, parent, 2]),
            attribute(TCA_KIND, format!("{kind}\0").as_bytes()),
            attribute(TCA_OPTIONS, &words(&[0, 1000, 7, 0, 0, 0])),
            attribute(TCA_STATS2, &stats.concat()),
        ]
        .concat()
    }

    #[test]
    fn what_it_drops_is_read() {
        let names = Names::from([(3, "eth1".parse().unwrap())]);
        let netem = decode(&listed("netem", Qdisc::ROOT), &names).unwrap();
        assert_eq!((netem.packets, netem.drops, netem.loss), (60, 40, 7));
        assert_eq!(netem.to_string(), "dev eth1 root");
        let of_class = decode(&listed("pfifo", 0x0001_000a), &names).unwrap();
        assert_eq!(
            (of_class.loss, of_class.to_string().as_str()),
            (0, "dev eth1 parent 1:a")
        );
        let clsact = decode(&listed("clsact", Qdisc::INGRESS), &names).unwrap();
        assert_eq!(clsact.to_string(), "dev eth1 clsact");
        let since = netem.clone().since(&[netem]);
        assert_eq!((since.packets, since.drops), (0, 0));
        torture(&listed("netem", Qdisc::ROOT), |bytes| decode(bytes, &names));
    }
}
