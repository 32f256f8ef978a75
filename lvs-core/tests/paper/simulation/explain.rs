//! The model against which weights are judged: file × health × drain × slow start.

use std::collections::BTreeMap;

use lvs_core::cluster::{Drain, Draining};
use lvs_core::health::{
    BelowMinimum, DesiredWeight, Health, OnFailure, Percent, Posture, WeightReason,
};
use lvs_core::ipvs::Weight;
use lvs_core::run::{CheckedDestination, CheckedService, DestinationView};

/// Asserts that a weight is explained.
pub(crate) fn weight(
    service: &CheckedService,
    checked: &CheckedDestination,
    seen: &DestinationView,
    drains: &BTreeMap<Drain, Draining>,
    posture: Posture,
) {
    let desired = seen.desired.unwrap();
    let number = desired.weight.map(Weight::get);
    let file = checked.weight.get();
    let context = format!("{checked:?}: {seen:?} with {posture:?}");
    let matching = drains
        .iter()
        .filter(|(drain, _)| drain.matches(&checked.id));
    let drain = matching.map(|(_, how)| *how).chain(checked.drain).max();
    let absent = (service.policy.on_failure == OnFailure::Drain).then_some(0);
    if checked.is_fallback {
        let is_usable = seen.health.is_up() && drain.is_none() && file > 0;
        // One that is down serves where no other one is healthy.
        let is_lost = drain.is_some() || file == 0;
        let fallback = Posture::Below(BelowMinimum::Fallback);
        assert!(posture != fallback || !is_lost, "{context}");
        assert!(
            posture != Posture::WithoutFallback || !is_usable,
            "{context}"
        );
    }
    let expected = match (drain, posture) {
        (Some(Draining::Quiet), _) => Some(0),
        (Some(Draining::Removed), _) => None,
        (None, Posture::Below(BelowMinimum::Fallback)) if checked.is_fallback => Some(file),
        (None, _) if checked.is_fallback => absent,
        (None, Posture::Below(BelowMinimum::ServeAll) | Posture::WithoutFallback) => Some(file),
        (None, Posture::Below(BelowMinimum::Fallback)) if seen.health.is_down() => absent,
        (None, Posture::Below(BelowMinimum::Fallback | BelowMinimum::Refuse)) => Some(0),
        (None, _) => match (seen.health, desired.reason) {
            (
                Health::Up | Health::Failing | Health::Unchecked,
                WeightReason::Up { share, slow_start },
            ) => {
                let part = |weight: u32, percent: u8| (weight * u32::from(percent)).div_ceil(100);
                Some(part(part(file, share.get()), slow_start.get()))
            }
            (Health::Down | Health::Rising, WeightReason::Down) => absent,
            (Health::Unknown, WeightReason::Unknown) => number,
            _ => panic!("no reason: {context}"),
        },
    };
    assert_eq!(number, expected, "{context}");
}

/// Asserts that a weight has risen wholly, if there was time for that.
pub(crate) fn slow_start(desired: &DesiredWeight, has_risen: bool) {
    if let WeightReason::Up { slow_start, .. } = desired.reason {
        assert!(!has_risen || slow_start == Percent::FULL, "{desired:?}");
    }
}
