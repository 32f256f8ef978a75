//! Batches of changes.

use lvs_core::net::{NetChange, Route, RouteId, Scope};

use crate::support::{Outcome, address, name, network, with_eth0};

/// More than one send carries.
const MANY: usize = 1500;

fn vip(number: usize) -> NetChange {
    let text = format!("10.{}.{}.1/32", number / 250, number % 250);
    NetChange::AddAddress(address("eth0", &text))
}

/// Each change has its own result, whatever became of those before it.
pub(crate) fn each_change_of_a_batch_is_answered() -> Outcome {
    with_eth0(|host| {
        let net = host.net();
        let mut changes: Vec<_> = (0..MANY).map(vip).collect();
        let before = net.addresses()?.len();
        net.batch(&changes)?.into_result()?;
        assert_eq!(net.addresses()?.len(), before + MANY);

        let mut route = Route::to(RouteId::new(network("10.200.0.0/16")));
        (route.interface, route.scope) = (Some(name("eth0")), Scope::LINK);
        let lost = Route::via(network("10.201.0.0/16"), "192.0.2.1".parse().unwrap());
        changes.splice(
            700..700,
            [
                NetChange::AddAddress(address("nosuch", "10.9.9.9/32")),
                NetChange::DeleteRoute(route.clone()),
                NetChange::AddRoute(route.clone()),
                NetChange::AddRoute(route.clone()),
                NetChange::ReplaceRoute(route.clone()),
                NetChange::DeleteRoute(route.clone()),
                NetChange::AddRoute(lost),
                NetChange::DeleteAddress(address("eth0", "10.0.0.1/32")),
                NetChange::DeleteAddress(address("eth0", "10.0.0.1/31")),
            ],
        );
        let outcome = net.batch(&changes)?;
        assert_eq!(outcome.len(), changes.len());
        let results: Vec<_> = outcome.into_iter().collect();
        let (ours, others): (Vec<_>, Vec<_>) = results
            .iter()
            .enumerate()
            .partition(|(place, _)| (700..709).contains(place));
        for (place, result) in others {
            let error = result.as_ref().unwrap_err();
            assert!(error.is_already_exists(), "{place}: {error}");
        }
        let said: Vec<_> = ours
            .iter()
            .map(|(_, result)| match result {
                Ok(()) => "done",
                Err(error) if error.is_not_found() => "not found",
                Err(error) if error.is_already_exists() => "exists",
                Err(_) => "refused",
            })
            .collect();
        assert_eq!(
            said,
            [
                "not found",
                "not found",
                "done",
                "exists",
                "done",
                "done",
                "refused",
                "done",
                "not found",
            ]
        );
        assert_eq!(net.addresses()?.len(), before + MANY - 1);
        assert!(!net.routes()?.iter().any(|found| found.id == route.id));
        net.batch(&[])?.into_result()
    })
}
