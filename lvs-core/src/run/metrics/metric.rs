//! The families of metrics: names, kinds and what they tell.

/// The kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// Declares the families, in the order in which they are printed.
macro_rules! metrics {
    ($($metric:ident: $kind:ident $name:literal, $help:literal;)*) => {
        /// Is a family of metrics: one name, with a sample for each set of labels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Metric {
            $($metric,)*
        }

        impl Metric {
            pub(super) const ALL: &'static [Self] = &[$(Self::$metric),*];

            /// Returns the name; a counter's samples have `_total` behind it.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$metric => $name,)*
                }
            }

            pub(super) const fn kind(self) -> Kind {
                match self {
                    $(Self::$metric => Kind::$kind,)*
                }
            }

            pub(super) const fn help(self) -> &'static str {
                match self {
                    $(Self::$metric => $help,)*
                }
            }
        }
    };
}

metrics! {
    ServiceConnections: Counter "lvs_service_connections",
        "Connections scheduled by the service.";
    ServicePacketsIn: Counter "lvs_service_packets_in",
        "Packets from clients of the service.";
    ServicePacketsOut: Counter "lvs_service_packets_out",
        "Packets to clients of the service, where they pass the director.";
    ServiceBytesIn: Counter "lvs_service_bytes_in",
        "Bytes from clients of the service.";
    ServiceBytesOut: Counter "lvs_service_bytes_out",
        "Bytes to clients of the service, where they pass the director.";
    ServiceMinimum: Gauge "lvs_service_minimum",
        "Destinations that must be available.";
    ServiceAvailable: Gauge "lvs_service_available",
        "Destinations that are available, whether or not the kernel has the service.";
    ServiceBelowMinimum: Gauge "lvs_service_below_minimum",
        "1 while fewer than the minimum are available, or the kernel does not have the service.";
    DestinationConnections: Counter "lvs_destination_connections",
        "Connections scheduled to the destination.";
    DestinationPacketsIn: Counter "lvs_destination_packets_in",
        "Packets from clients to the destination.";
    DestinationPacketsOut: Counter "lvs_destination_packets_out",
        "Packets of the destination to clients, where they pass the director.";
    DestinationBytesIn: Counter "lvs_destination_bytes_in",
        "Bytes from clients to the destination.";
    DestinationBytesOut: Counter "lvs_destination_bytes_out",
        "Bytes of the destination to clients, where they pass the director.";
    DestinationWeight: Gauge "lvs_destination_weight",
        "Weight in the kernel.";
    DestinationDesiredWeight: Gauge "lvs_destination_desired_weight",
        "Weight that the destination must have.";
    DestinationActiveConnections: Gauge "lvs_destination_active_connections",
        "Active connections.";
    DestinationInactiveConnections: Gauge "lvs_destination_inactive_connections",
        "Other connections that the kernel remembers.";
    DestinationUp: Gauge "lvs_destination_up",
        "1 if the destination is healthy, 0 if it is not; absent while that is unknown, and where no check tests it.";
    CheckDurationSeconds: Gauge "lvs_check_duration_seconds",
        "Duration of the last probe.";
    CheckFailures: Counter "lvs_check_failures",
        "Probes that failed.";
    PlanSteps: Gauge "lvs_plan_steps",
        "Steps that would make the node as it must be: drift.";
    Role: Gauge "lvs_role",
        "1 for the role that one of two directors has.";
    TotalConnections: Counter "lvs_total_connections",
        "Connections of all services of the node, those of probes included.";
    TotalPacketsIn: Counter "lvs_total_packets_in",
        "Packets from clients of all services of the node.";
    TotalPacketsOut: Counter "lvs_total_packets_out",
        "Packets to clients of all services of the node.";
    TotalBytesIn: Counter "lvs_total_bytes_in",
        "Bytes from clients of all services of the node.";
    TotalBytesOut: Counter "lvs_total_bytes_out",
        "Bytes to clients of all services of the node.";
    Up: Gauge "lvs_up",
        "1 while a controller of the cluster runs.";
    BuildInfo: Gauge "lvs_build_info",
        "The version of the program.";
}

impl Metric {
    /// Returns the family of a sample's name.
    pub(super) fn of_sample(name: &str) -> Option<Self> {
        let family = name.strip_suffix("_total").unwrap_or(name);
        Self::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == family)
    }

    /// Returns whether it is of the node as a whole, and of no cluster.
    pub(super) const fn is_of_node(self) -> bool {
        matches!(
            self,
            Self::TotalConnections
                | Self::TotalPacketsIn
                | Self::TotalPacketsOut
                | Self::TotalBytesIn
                | Self::TotalBytesOut
                | Self::BuildInfo
        )
    }
}

/// The families that count the packets of a service, a destination or a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) connections: Metric,
    pub(super) packets_in: Metric,
    pub(super) packets_out: Metric,
    pub(super) bytes_in: Metric,
    pub(super) bytes_out: Metric,
}

impl Traffic {
    pub(super) const SERVICE: Self = Self {
        connections: Metric::ServiceConnections,
        packets_in: Metric::ServicePacketsIn,
        packets_out: Metric::ServicePacketsOut,
        bytes_in: Metric::ServiceBytesIn,
        bytes_out: Metric::ServiceBytesOut,
    };

    pub(super) const DESTINATION: Self = Self {
        connections: Metric::DestinationConnections,
        packets_in: Metric::DestinationPacketsIn,
        packets_out: Metric::DestinationPacketsOut,
        bytes_in: Metric::DestinationBytesIn,
        bytes_out: Metric::DestinationBytesOut,
    };

    pub(super) const NODE: Self = Self {
        connections: Metric::TotalConnections,
        packets_in: Metric::TotalPacketsIn,
        packets_out: Metric::TotalPacketsOut,
        bytes_in: Metric::TotalBytesIn,
        bytes_out: Metric::TotalBytesOut,
    };
}
