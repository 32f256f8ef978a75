//! Whose record it is: a namespace's, whatever number its file has.

use lvs_core::Host;
use lvs_core::net::Address;
use lvs_core::sysctl::SysctlKey;

use crate::state::machine::{FILE, Machine, NAT, records, says};

/// How many namespaces are made until one gets the number of a deleted one, which the kernel deletes later.
const MOST: usize = 1000;

/// Deletes a machine, and returns one whose namespace has the same number.
fn made_again(machine: Machine) -> Machine {
    let inode = machine.inode();
    drop(machine);
    for _ in 0..MOST {
        let machine = Machine::new();
        if machine.inode() == inode {
            return machine;
        }
    }
    panic!("no namespace got the number {inode} again");
}

/// What an administrator has set there is not what the cluster had made in the deleted one.
pub(crate) fn a_deleted_namespace_leaves_no_record_to_the_next() {
    let machine = Machine::new();
    says(&machine.run(&["apply"]), 0, &["done and verified"]);
    let machine = made_again(machine);
    let by_hand = |host: &mut Host| {
        let address = Address::new("eth1".parse().unwrap(), "192.168.1.11/24".parse().unwrap());
        host.sysctl().write(&SysctlKey::IP_FORWARD, "1").unwrap();
        host.net().add_address(&address).unwrap();
    };
    machine.netns.run(by_hand).unwrap();
    let before = machine.look();
    says(&machine.run(&["apply"]), 0, &["done and verified"]);
    says(&machine.run(&["remove"]), 0, &["done and verified"]);
    assert_eq!(machine.look(), before);
}

pub(crate) fn two_namespaces_share_a_state_directory() {
    let machines = [Machine::new(), Machine::new()];
    let before = machines.each_ref().map(Machine::look);
    for machine in &machines {
        says(&machine.run(&["apply"]), 0, &["done and verified"]);
        says(&machine.run(&["apply"]), 0, &["nothing to do"]);
    }
    assert_eq!(records().len(), 2, "{:?}", records());
    // The file knows the service no more: only the record of each does.
    std::fs::write(FILE, NAT.replace("172.16.5.11:80\"", "172.16.5.11:81\"")).unwrap();
    for machine in &machines {
        says(
            &machine.run(&["apply"]),
            0,
            &["tcp 172.16.5.11:80", "done and verified"],
        );
    }
    for (machine, before) in machines.iter().zip(&before) {
        says(&machine.run(&["remove"]), 0, &["done and verified"]);
        assert_eq!(machine.look(), *before);
    }
}
